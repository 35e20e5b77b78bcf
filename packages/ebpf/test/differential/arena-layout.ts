// What every generated program works on: three maps and a packet, and where things lie in them.

import type { Codec, MapSpec } from "../../src/spec.ts";

/** Bytes of the state's value that programs may touch as they like. */
export const PLAYGROUND_BYTES = 256;
/** r0–r7 as the program left them. */
export const REGISTERS_AT = PLAYGROUND_BYTES;
/** The main function's stack words as the program left them. */
export const STACK_AT = REGISTERS_AT + 8 * 8;
export const STACK_WORDS = 16;
export const STATE_BYTES = STACK_AT + STACK_WORDS * 8;

/** Keys of the hash are below this, and it has room for fewer: full is a case, too. */
export const HASH_KEYS = 8;
export const HASH_VALUE_BYTES = 16;
const HASH_ENTRIES = 5;
/** Indices up to twice the length are tried. */
export const ARRAY_LENGTH = 4;

/** Programs check that the packet has this much, and touch no more. */
export const PACKET_BYTES = 64;

function raw(size: number): Codec<Uint8Array> {
  return { size, encode: (value) => value, decode: (bytes) => bytes.slice(0, size) };
}

export const number: Codec<number> = {
  size: 4,
  encode: (value) => new Uint8Array(Uint32Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true),
};

type Spec = MapSpec<number, Uint8Array>;
const common = { key: number, flags: 0 };

export const stateSpec: Spec = {
  ...common,
  ...{ name: "state", type: "array", value: raw(STATE_BYTES), maxEntries: 1 },
};
export const arraySpec: Spec = {
  ...common,
  ...{ name: "array", type: "array", value: raw(8), maxEntries: ARRAY_LENGTH },
};
/** BPF_F_NO_PREALLOC: cheap to make, and exact about being full. */
export const hashSpec: Spec = {
  ...{ name: "hash", type: "hash", key: number, value: raw(HASH_VALUE_BYTES) },
  ...{ maxEntries: HASH_ENTRIES, flags: 1 },
};
