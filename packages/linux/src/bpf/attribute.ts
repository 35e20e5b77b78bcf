// The bytes of `union bpf_attr`, the argument of bpf(2) (include/uapi/linux/bpf.h). Offsets are given by the
// files beside this one, which know one command each.

import { Errno, SyscallError } from "../errno.ts";
import * as ffi from "../ffi.ts";
import { permissionHint } from "../privileges.ts";
import { BpfCommand } from "./constants.ts";

/** BPF_OBJ_NAME_LEN, with the terminating zero. */
const OBJECT_NAME_LENGTH = 16;

/** Attributes that the kernel is reading: what they point to must not be collected meanwhile. */
const inFlight = new Set<BpfAttribute>();

/** An attribute union under construction. Holds the buffers that it points to, so that they stay alive. */
export class BpfAttribute {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #held: Uint8Array[] = [];

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  u64(offset: number, value: bigint | number): this {
    this.#view.setBigUint64(offset, BigInt(value), true);
    return this;
  }

  /** The address of `bytes`; none (null) when undefined or empty. */
  pointer(offset: number, bytes: Uint8Array | undefined): this {
    if (bytes === undefined || bytes.length === 0) return this;
    this.#held.push(bytes);
    return this.u64(offset, ffi.addressOf(bytes));
  }

  /** The address of `text` with a zero after it. */
  string(offset: number, text: string): this {
    return this.pointer(offset, Buffer.from(`${text}\0`));
  }

  /** An object's name in place; refuses what the kernel would answer with a bare EINVAL (bpf_obj_name_cpy). */
  name(offset: number, name: string): this {
    if (name.length >= OBJECT_NAME_LENGTH || !/^[A-Za-z0-9_.]*$/u.test(name)) {
      throw new RangeError(`naming a bpf object: "${name}" is not at most 15 characters of [A-Za-z0-9_.]`);
    }
    this.bytes.set(Buffer.from(name, "latin1"), offset);
    return this;
  }

  getU32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** Makes the call: zero or more, or a negative errno. */
  tryCall(command: keyof typeof BpfCommand): number {
    inFlight.add(this);
    const result = ffi.bpf(BpfCommand[command], this.bytes);
    inFlight.delete(this);
    return result;
  }

  /** Makes the call; throws a SyscallError that begins with `doing` when the kernel refuses. */
  call(command: keyof typeof BpfCommand, doing: string): number {
    const result = this.tryCall(command);
    if (result < 0) throw bpfError(command, doing, -result);
    return result;
  }
}

/** The SyscallError of a refused bpf(2) command, with a hint where the errno says too little. */
export function bpfError(command: keyof typeof BpfCommand, doing: string, errno: number): SyscallError {
  return new SyscallError({ doing, command: `bpf(BPF_${command})`, errno, hint: hintOf(command, errno) });
}

function hintOf(command: keyof typeof BpfCommand, errno: number): string | undefined {
  if (errno === Errno.EPERM) return permissionHint();
  if (errno === Errno.E2BIG && command.startsWith("MAP_UPDATE"))
    return "the map is full, or the key lies beyond its end";
  if (errno === Errno.ENOSPC && command.startsWith("MAP_UPDATE")) return "the map is full";
  return undefined;
}
