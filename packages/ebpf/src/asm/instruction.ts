// One eBPF instruction as plain data, before it is bytes. The lowest layer of the library: the
// compiler produces these, the interpreter runs them, the loader encodes them. Imports nothing.

/** Where an instruction came from in TypeScript source. Lines and columns count from 1. */
export interface SourcePosition {
  /** Path of the file, relative to the workspace where it can be, so that output is reproducible. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * What an instruction refers to until a loader knows file descriptors. The encoder refuses an
 * instruction whose reference has not been resolved.
 * - `map`: a 64-bit immediate load of a map (BPF_PSEUDO_MAP_FD in src, fd in imm).
 * - `mapValue`: a 64-bit immediate load of an address inside the only value of an array map
 *   (BPF_PSEUDO_MAP_VALUE in src, fd in imm, byte offset in the next slot's imm).
 */
export type Reference =
  | { readonly kind: "map"; readonly map: string }
  | { readonly kind: "mapValue"; readonly map: string; readonly offset: number };

/**
 * One instruction of the kernel's instruction set (Documentation/bpf/standardization/instruction-set.rst).
 * A 64-bit immediate load (opcode 0x18) is one `Instruction` here and two 8-byte slots when encoded;
 * `slots` tells. Jump and call offsets count encoded slots, as the kernel counts them.
 */
export interface Instruction {
  /** The opcode byte: class in bits 0–2, then source and operation, or mode and size. */
  readonly opcode: number;
  /** Destination register, 0–10. */
  readonly dst: number;
  /** Source register, 0–10, or a pseudo value (BPF_PSEUDO_CALL = 1, BPF_PSEUDO_MAP_FD = 1, …). */
  readonly src: number;
  /** Signed 16-bit offset, in bytes for memory and in slots for jumps. */
  readonly offset: number;
  /** Signed 32-bit immediate. For opcode 0x18 without reference: the low 32 bits of `imm64`. */
  readonly imm: number;
  /** The whole 64-bit immediate of opcode 0x18, unsigned. */
  readonly imm64?: bigint;
  readonly reference?: Reference;
  readonly source?: SourcePosition;
}
