// What every kind of map does with keys. A store knows which slot of its value area a key has; values
// are written by whoever asked for the slot.

import type { ValueArea } from "./value-area.ts";

/** Error numbers as the kernel returns them to programs (include/uapi/asm-generic/errno-base.h). */
export const ENOENT = 2;
export const E2BIG = 7;
export const EAGAIN = 11;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENOSPC = 28;

/** BPF_ANY, BPF_NOEXIST, BPF_EXIST. */
export const ANY = 0;
export const NOEXIST = 1;
export const EXIST = 2;

export interface Store {
  readonly values: ValueArea;
  /** Slot of `key`, or -1. */
  find(key: Uint8Array): number;
  /** Slot to write the value of `key` to, or a negative error number. `flags` as above. */
  claim(key: Uint8Array, flags: number): number;
  /** 0, or a negative error number. */
  remove(key: Uint8Array): number;
  /** All slots in use with their keys; survives changes made meanwhile. */
  entries(): Iterable<readonly [key: Uint8Array, slot: number]>;
  /** Of tables whose keys have places: those from `place` on, in order, each with its place. */
  entriesFrom?(place: number): Iterable<readonly [key: Uint8Array, slot: number, place: number]>;
}

/** Number in the first four bytes of an array's key. */
export function indexOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, 4).getUint32(0, true);
}
