// The numbers of the instruction set: classes, operations, sizes, modes, and the names that the rest
// of the library uses for them. Every fact here is from the kernel's
// Documentation/bpf/standardization/instruction-set.rst and include/uapi/linux/bpf.h.

/** Instruction classes: bits 0–2 of the opcode. */
export const CLASS_LD = 0x00;
export const CLASS_LDX = 0x01;
export const CLASS_ST = 0x02;
export const CLASS_STX = 0x03;
export const CLASS_ALU = 0x04;
export const CLASS_JMP = 0x05;
export const CLASS_JMP32 = 0x06;
export const CLASS_ALU64 = 0x07;

/** Bit 3 of an arithmetic or jump opcode: the second operand is `imm` (K) or a register (X). */
export const SOURCE_K = 0x00;
export const SOURCE_X = 0x08;

/** Modes of loads and stores: bits 5–7 of the opcode. */
export const MODE_IMM = 0x00;
export const MODE_ABS = 0x20;
export const MODE_IND = 0x40;
export const MODE_MEM = 0x60;
export const MODE_MEMSX = 0x80;
export const MODE_ATOMIC = 0xc0;

/** Whole opcodes that stand alone. */
export const OP_LOAD_IMM64 = 0x18;
export const OP_JUMP = 0x05;
export const OP_JUMP_LONG = 0x06;
export const OP_CALL = 0x85;
export const OP_EXIT = 0x95;
export const OP_BYTE_SWAP = 0xd7;

/** Sources of a 64-bit immediate load, in its `src` field. */
export const PSEUDO_MAP_FD = 1;
export const PSEUDO_MAP_VALUE = 2;
export const PSEUDO_BTF_ID = 3;
export const PSEUDO_FUNC = 4;
export const PSEUDO_MAP_IDX = 5;
export const PSEUDO_MAP_IDX_VALUE = 6;

/** Kinds of call, in the `src` field of a call; 0 is a helper by number. */
export const PSEUDO_CALL = 1;
export const PSEUDO_KFUNC_CALL = 2;

/** Bit of an atomic's `imm`: the old value comes back. */
export const ATOMIC_FETCH = 0x01;
/** Acquire load and release store (Linux 6.15 and later; in `imm` of an atomic). */
export const ATOMIC_LOAD_ACQUIRE = 0x100;
export const ATOMIC_STORE_RELEASE = 0x110;

/** Bytes that a load or store moves. */
export type MemorySize = 1 | 2 | 4 | 8;
/** Bits that an arithmetic or jump instruction looks at. */
export type Width = 32 | 64;

/** Arithmetic operations with two operands: operation bits, and the value of `offset`. */
export const aluOperations = {
  add: { code: 0x00, offset: 0 },
  sub: { code: 0x10, offset: 0 },
  mul: { code: 0x20, offset: 0 },
  div: { code: 0x30, offset: 0 },
  sdiv: { code: 0x30, offset: 1 },
  or: { code: 0x40, offset: 0 },
  and: { code: 0x50, offset: 0 },
  lsh: { code: 0x60, offset: 0 },
  rsh: { code: 0x70, offset: 0 },
  mod: { code: 0x90, offset: 0 },
  smod: { code: 0x90, offset: 1 },
  xor: { code: 0xa0, offset: 0 },
  mov: { code: 0xb0, offset: 0 },
  arsh: { code: 0xc0, offset: 0 },
} as const;
export type AluOperation = keyof typeof aluOperations;

export const ALU_NEG = 0x80;
export const ALU_MOV = 0xb0;
export const ALU_END = 0xd0;

/** Conditional jumps: operation bits. */
export const jumpOperations = {
  jeq: 0x10,
  jgt: 0x20,
  jge: 0x30,
  jset: 0x40,
  jne: 0x50,
  jsgt: 0x60,
  jsge: 0x70,
  jlt: 0xa0,
  jle: 0xb0,
  jslt: 0xc0,
  jsle: 0xd0,
} as const;
export type JumpOperation = keyof typeof jumpOperations;

/** Atomic operations: value of `imm` without the fetch bit, which xchg and cmpxchg always have. */
export const atomicOperations = {
  add: 0x00,
  or: 0x40,
  and: 0x50,
  xor: 0xa0,
  xchg: 0xe0,
  cmpxchg: 0xf0,
} as const;
export type AtomicOperation = keyof typeof atomicOperations;

const sizeBits: Readonly<Record<MemorySize, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

/** Bits 3–4 of a load's or store's opcode for a size in bytes. */
export function bitsOfSize(size: MemorySize): number {
  return sizeBits[size];
}

/** Bytes that the load or store `opcode` moves. */
export function sizeOf(opcode: number): MemorySize {
  switch (opcode & 0x18) {
    case 0x10:
      return 1;
    case 0x08:
      return 2;
    case 0x00:
      return 4;
    default:
      return 8;
  }
}

/** Bits 0–2: one of the CLASS_ constants. */
export function classOf(opcode: number): number {
  return opcode & 0x07;
}

/** Bits 5–7 of a load's or store's opcode: one of the MODE_ constants. */
export function modeOf(opcode: number): number {
  return opcode & 0xe0;
}

/** Bits 4–7 of an arithmetic or jump opcode. */
export function operationOf(opcode: number): number {
  return opcode & 0xf0;
}
