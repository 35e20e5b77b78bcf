// Functions that make one instruction each. Registers are numbers (`r0`–`r9`, `fp`), so an operation
// with an immediate operand has a name of its own that ends in `Imm`. Where a function takes a target,
// a label is for `assemble`, a number is a distance in slots from the next instruction.

import { AsmError } from "./asm-error.ts";
import type { Instruction, SourcePosition } from "./instruction.ts";
import * as op from "./opcode.ts";

export const r0 = 0;
export const r1 = 1;
export const r2 = 2;
export const r3 = 3;
export const r4 = 4;
export const r5 = 5;
export const r6 = 6;
export const r7 = 7;
export const r8 = 8;
export const r9 = 9;
/** r10, the read-only frame pointer: the stack is the 512 bytes below it. */
export const fp = 10;

/** An instruction whose jump, call or function address waits for `assemble`. */
export interface Unplaced extends Instruction {
  readonly target: string;
}
/** A place that targets name. */
export interface Label {
  readonly label: string;
}
/** What `assemble` takes. */
export type Item = Instruction | Unplaced | Label;
/** Label, or distance in slots from the instruction after this one. */
export type Target = string | number;

interface Fields {
  readonly dst?: number;
  readonly src?: number;
  readonly offset?: number;
  readonly imm?: number;
}

function make(opcode: number, fields: Fields, source: SourcePosition | undefined): Instruction {
  const { dst = 0, src = 0, offset = 0, imm = 0 } = fields;
  return source === undefined ? { opcode, dst, src, offset, imm } : { opcode, dst, src, offset, imm, source };
}

function aim(instruction: Instruction, target: Target): Instruction | Unplaced {
  return typeof target === "string" ? { ...instruction, target } : instruction;
}

const classOfWidth = (width: op.Width) => (width === 64 ? op.CLASS_ALU64 : op.CLASS_ALU);

/** `dst = dst <operation> src`; 32-bit operations zero the upper half of `dst`. */
export function alu(
  operation: op.AluOperation,
  width: op.Width,
  dst: number,
  src: number,
  source?: SourcePosition,
): Instruction {
  const { code, offset } = op.aluOperations[operation];
  return make(code | op.SOURCE_X | classOfWidth(width), { dst, src, offset }, source);
}

/** `dst = dst <operation> imm`; a 64-bit operation sign-extends `imm` from 32 bits. */
export function aluImm(
  operation: op.AluOperation,
  width: op.Width,
  dst: number,
  imm: number,
  source?: SourcePosition,
): Instruction {
  const { code, offset } = op.aluOperations[operation];
  return make(code | op.SOURCE_K | classOfWidth(width), { dst, offset, imm }, source);
}

/** `dst = src`, all 64 bits. */
export function mov64(dst: number, src: number, source?: SourcePosition): Instruction {
  return alu("mov", 64, dst, src, source);
}

/** `dst = imm`, sign-extended to 64 bits. */
export function mov64Imm(dst: number, imm: number, source?: SourcePosition): Instruction {
  return aluImm("mov", 64, dst, imm, source);
}

/** `dst = src` cut to 32 bits, upper half zero. */
export function mov32(dst: number, src: number, source?: SourcePosition): Instruction {
  return alu("mov", 32, dst, src, source);
}

/** `dst = imm` as 32 bits, upper half zero. */
export function mov32Imm(dst: number, imm: number, source?: SourcePosition): Instruction {
  return aluImm("mov", 32, dst, imm, source);
}

/** `dst = (signed fromBits)src`, extended to `width` (MOVSX, Linux 6.6 and later). */
export function movSignExtend(
  width: op.Width,
  fromBits: 8 | 16 | 32,
  dst: number,
  src: number,
  source?: SourcePosition,
): Instruction {
  const opcode = op.ALU_MOV | op.SOURCE_X | classOfWidth(width);
  return make(opcode, { dst, src, offset: fromBits }, source);
}

/** `dst = -dst`. */
export function neg(width: op.Width, dst: number, source?: SourcePosition): Instruction {
  return make(op.ALU_NEG | classOfWidth(width), { dst }, source);
}

/**
 * Byte order: `le` and `be` convert between the machine's order and the named one, `bswap` always
 * swaps (Linux 6.6 and later). Bits above `bits` become zero.
 */
export function byteSwap(
  order: "le" | "be" | "bswap",
  bits: 16 | 32 | 64,
  dst: number,
  source?: SourcePosition,
): Instruction {
  if (order === "bswap") return make(op.OP_BYTE_SWAP, { dst, imm: bits }, source);
  const to = order === "be" ? op.SOURCE_X : op.SOURCE_K;
  return make(op.ALU_END | to | op.CLASS_ALU, { dst, imm: bits }, source);
}

/** Names the place of the next instruction. */
export function label(name: string): Label {
  return { label: name };
}

/** `goto target`, with a 16-bit distance. */
export function goto(target: Target, source?: SourcePosition): Instruction | Unplaced {
  const offset = typeof target === "number" ? target : 0;
  return aim(make(op.OP_JUMP, { offset }, source), target);
}

/** `gotol target`, with a 32-bit distance (Linux 6.6 and later). */
export function gotoLong(target: Target, source?: SourcePosition): Instruction | Unplaced {
  const imm = typeof target === "number" ? target : 0;
  return aim(make(op.OP_JUMP_LONG, { imm }, source), target);
}

/** `if dst <operation> src goto target`, on all bits or the lower 32. */
export function jump(
  operation: op.JumpOperation,
  width: op.Width,
  dst: number,
  src: number,
  target: Target,
  source?: SourcePosition,
): Instruction | Unplaced {
  const offset = typeof target === "number" ? target : 0;
  const opcode = op.jumpOperations[operation] | op.SOURCE_X | jumpClass(width);
  return aim(make(opcode, { dst, src, offset }, source), target);
}

/** `if dst <operation> imm goto target`; 64 bits wide, `imm` is sign-extended. */
export function jumpImm(
  operation: op.JumpOperation,
  width: op.Width,
  dst: number,
  imm: number,
  target: Target,
  source?: SourcePosition,
): Instruction | Unplaced {
  const offset = typeof target === "number" ? target : 0;
  const opcode = op.jumpOperations[operation] | op.SOURCE_K | jumpClass(width);
  return aim(make(opcode, { dst, offset, imm }, source), target);
}

const jumpClass = (width: op.Width) => (width === 64 ? op.CLASS_JMP : op.CLASS_JMP32);

/** `dst = *(unsigned size *)(base + offset)`. */
export function load(
  size: op.MemorySize,
  dst: number,
  base: number,
  offset: number,
  source?: SourcePosition,
): Instruction {
  const opcode = op.CLASS_LDX | op.MODE_MEM | op.bitsOfSize(size);
  return make(opcode, { dst, src: base, offset }, source);
}

/** `dst = *(signed size *)(base + offset)`, extended to 64 bits (Linux 6.6 and later). */
export function loadSigned(
  size: 1 | 2 | 4,
  dst: number,
  base: number,
  offset: number,
  source?: SourcePosition,
): Instruction {
  const opcode = op.CLASS_LDX | op.MODE_MEMSX | op.bitsOfSize(size);
  return make(opcode, { dst, src: base, offset }, source);
}

/** `*(size *)(base + offset) = src`. */
export function store(
  size: op.MemorySize,
  base: number,
  offset: number,
  src: number,
  source?: SourcePosition,
): Instruction {
  const opcode = op.CLASS_STX | op.MODE_MEM | op.bitsOfSize(size);
  return make(opcode, { dst: base, src, offset }, source);
}

/** `*(size *)(base + offset) = imm`; 8 bytes wide, `imm` is sign-extended. */
export function storeImm(
  size: op.MemorySize,
  base: number,
  offset: number,
  imm: number,
  source?: SourcePosition,
): Instruction {
  const opcode = op.CLASS_ST | op.MODE_MEM | op.bitsOfSize(size);
  return make(opcode, { dst: base, offset, imm }, source);
}

/**
 * Atomic `*(size *)(base + offset) <operation>= src`. With `fetch`, `src` receives the old value.
 * xchg always fetches; cmpxchg compares with r0, stores `src` if equal, leaves the old value in r0.
 */
export function atomic(
  operation: op.AtomicOperation,
  size: 4 | 8,
  base: number,
  offset: number,
  src: number,
  options: { readonly fetch?: boolean; readonly source?: SourcePosition } = {},
): Instruction {
  const always = operation === "xchg" || operation === "cmpxchg";
  const fetch = always || options.fetch === true ? op.ATOMIC_FETCH : 0;
  const opcode = op.CLASS_STX | op.MODE_ATOMIC | op.bitsOfSize(size);
  const imm = op.atomicOperations[operation] | fetch;
  return make(opcode, { dst: base, src, offset, imm }, options.source);
}

/** Legacy packet load of sched_cls: `r0 = ntoh(*(size *)(skb + imm))`; needs the context in r6. */
export function loadPacket(size: 1 | 2 | 4, imm: number, source?: SourcePosition): Instruction {
  return make(op.CLASS_LD | op.MODE_ABS | op.bitsOfSize(size), { imm }, source);
}

/** As `loadPacket`, at `src + imm`. */
export function loadPacketIndirect(size: 1 | 2 | 4, src: number, imm: number, source?: SourcePosition): Instruction {
  return make(op.CLASS_LD | op.MODE_IND | op.bitsOfSize(size), { src, imm }, source);
}

/** `dst = value`, any 64 bits, signed or unsigned. */
export function loadImm64(dst: number, value: bigint, source?: SourcePosition): Instruction {
  if (value < -(1n << 63n) || value >= 1n << 64n) {
    throw new AsmError("YM_ASM_OPERAND", `load immediate: ${value} does not fit 64 bits`, source);
  }
  const imm64 = BigInt.asUintN(64, value);
  const imm = Number(BigInt.asIntN(32, imm64));
  return { ...make(op.OP_LOAD_IMM64, { dst, imm }, source), imm64 };
}

/** `dst = address of the map` called `map`, for helpers that take one. */
export function loadMap(dst: number, map: string, source?: SourcePosition): Instruction {
  const instruction = make(op.OP_LOAD_IMM64, { dst, src: op.PSEUDO_MAP_FD }, source);
  return { ...instruction, reference: { kind: "map", map } };
}

/** `dst = address of byte `offset` in the only value` of the array map called `map`. */
export function loadMapValue(dst: number, map: string, offset: number, source?: SourcePosition): Instruction {
  const instruction = make(op.OP_LOAD_IMM64, { dst, src: op.PSEUDO_MAP_VALUE }, source);
  return { ...instruction, reference: { kind: "mapValue", map, offset } };
}

/** `dst = address of the function at target`, for helpers that call back (loop, for_each_map_elem). */
export function loadFunction(dst: number, target: Target, source?: SourcePosition): Instruction {
  const imm = typeof target === "number" ? target : 0;
  return aim(make(op.OP_LOAD_IMM64, { dst, src: op.PSEUDO_FUNC, imm }, source), target);
}

/** Calls a helper by its number (include/uapi/linux/bpf.h); arguments in r1–r5, result in r0. */
export function callHelper(id: number, source?: SourcePosition): Instruction {
  return make(op.OP_CALL, { imm: id }, source);
}

/** Calls a function of the same program; it gets a frame of its own. */
export function callLocal(target: Target, source?: SourcePosition): Instruction | Unplaced {
  const imm = typeof target === "number" ? target : 0;
  return aim(make(op.OP_CALL, { src: op.PSEUDO_CALL, imm }, source), target);
}

/** Calls a kernel function by its BTF id in vmlinux. */
export function callKernelFunction(btfId: number, source?: SourcePosition): Instruction {
  return make(op.OP_CALL, { src: op.PSEUDO_KFUNC_CALL, imm: btfId }, source);
}

/** Returns r0, from the program or from a local function. */
export function exit(source?: SourcePosition): Instruction {
  return make(op.OP_EXIT, {}, source);
}
