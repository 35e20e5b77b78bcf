// File descriptors and memory mappings that close themselves, and the register of those still open, each
// with the stack that opened it. What bpf/, netlink/ and memory.ts hand out is built on this.

import { SyscallError } from "./errno.ts";
import * as ffi from "./ffi.ts";

/** include/uapi/linux/fcntl.h */
const F_DUPFD_CLOEXEC = 1030;

/** Something the process holds open in the kernel. */
export interface OpenResource {
  readonly kind: "descriptor" | "mapping";
  /** What it is: `map "services"`. */
  readonly what: string;
  /** The stack at the time it was opened. */
  readonly openedAt: string;
}

const open = new Set<OpenResource>();

/** Enters something into the register; the function returned takes it out again. */
export function registerOpen(kind: OpenResource["kind"], what: string): () => void {
  const stack = new Error().stack ?? "";
  const entry: OpenResource = { kind, what, openedAt: stack.split("\n").slice(3).join("\n") };
  open.add(entry);
  return () => void open.delete(entry);
}

/** Descriptors and mappings that are open now, oldest first. */
export function openResources(): readonly OpenResource[] {
  return [...open];
}

/** Descriptors that are open now, oldest first. */
export function openDescriptors(): readonly OpenResource[] {
  return openResources().filter((resource) => resource.kind === "descriptor");
}

/** An open file descriptor. Closing it twice is harmless; using it after that throws. */
export class FileDescriptor implements Disposable {
  /** What it is, for messages: `map "services"`. */
  readonly what: string;
  readonly #number: number;
  #unregister: (() => void) | undefined;

  /** Takes ownership of `number`, an open descriptor. */
  constructor(number: number, what: string) {
    if (!Number.isInteger(number) || number < 0) throw new RangeError(`wrapping ${what}: ${number} is no descriptor`);
    this.#number = number;
    this.what = what;
    this.#unregister = registerOpen("descriptor", what);
  }

  /** The number, for a system call. Throws when closed. */
  get value(): number {
    if (this.#unregister === undefined) throw new Error(`using ${this.what}: it has been closed`);
    return this.#number;
  }

  /** Another descriptor of the same open object, closed on its own. Throws a SyscallError. */
  duplicate(): FileDescriptor {
    const result = ffi.fcntl(this.value, F_DUPFD_CLOEXEC, 0);
    if (result >= 0) return new FileDescriptor(result, this.what);
    throw new SyscallError({ doing: `opening ${this.what} once more`, command: "fcntl", errno: -result });
  }

  get isClosed(): boolean {
    return this.#unregister === undefined;
  }

  /** Closes. An error of close(2) is ignored: on Linux the descriptor is gone even then (close(2), NOTES). */
  close(): void {
    if (this.#unregister === undefined) return;
    this.#unregister();
    this.#unregister = undefined;
    ffi.close(this.#number);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
