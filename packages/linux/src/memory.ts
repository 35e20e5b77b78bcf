// Memory of the kernel mapped into this process, as an ArrayBuffer: counters are read without a system call.

import { errnoName, SyscallError } from "./errno.ts";
import type { FileDescriptor } from "./fd.ts";
import { registerOpen } from "./fd.ts";
import * as ffi from "./ffi.ts";

/** include/uapi/asm-generic/mman-common.h */
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** What to map. */
export interface MappingOptions {
  readonly fd: FileDescriptor;
  /** Bytes; rounded up to whole pages. */
  readonly length: number;
  /** Default 0; a multiple of the page size. */
  readonly offset?: number;
  readonly access: "read" | "read-write";
}

/** A mapping that unmaps itself. After that `buffer` is detached: reading it gives nothing, not a crash. */
export class MappedMemory implements Disposable {
  /** The memory, `length` bytes as asked for. */
  readonly buffer: ArrayBuffer;
  readonly #address: bigint;
  readonly #mappedLength: number;
  #unregister: (() => void) | undefined;

  /** Maps; throws a SyscallError when the kernel refuses. */
  constructor(options: MappingOptions) {
    const page = ffi.pageSize();
    this.#mappedLength = Math.ceil(options.length / page) * page;
    const protection = options.access === "read" ? PROT_READ : PROT_READ | PROT_WRITE;
    const { fd } = options;
    this.#address = ffi.mmap(this.#mappedLength, protection, MAP_SHARED, fd.value, options.offset ?? 0);
    if (this.#address < 0n) {
      const doing = `mapping ${fd.what} into memory (${options.length} bytes, ${options.access})`;
      throw new SyscallError({ doing, command: "mmap", errno: Number(-this.#address) });
    }
    this.buffer = ffi.viewOf(this.#address, options.length);
    this.#unregister = registerOpen("mapping", fd.what);
  }

  /** Unmaps; twice is harmless. */
  close(): void {
    if (this.#unregister === undefined) return;
    this.#unregister();
    this.#unregister = undefined;
    this.buffer.transfer();
    const result = ffi.munmap(this.#address, this.#mappedLength);
    if (result < 0) throw new Error(`unmapping ${this.#mappedLength} bytes: ${errnoName(-result)}, a fault of ours`);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
