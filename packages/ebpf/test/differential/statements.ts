// Statements without control flow: arithmetic, loads, stores, atomics, spills.

import * as asm from "../../src/asm/index.ts";
import { PACKET_BYTES, PLAYGROUND_BYTES } from "./arena-layout.ts";
import { PACKET_POINTER, type Scope, STATE_POINTER } from "./scope.ts";

const oldOperations = ["add", "sub", "mul", "div", "or", "and", "lsh", "rsh", "mod", "xor", "mov", "arsh"] as const;
const newOperations = [...oldOperations, "sdiv", "smod"] as const;
const divisions: readonly asm.AluOperation[] = ["div", "mod", "sdiv", "smod"];
const shifts: readonly asm.AluOperation[] = ["lsh", "rsh", "arsh"];
const sizes = [1, 2, 4, 8] as const;

/** `a <operation>= b` or `a <operation>= imm`. */
export function arithmetic(scope: Scope): void {
  const { dice } = scope;
  const operation = dice.pick(scope.instructionSet === 4 ? newOperations : oldOperations);
  const width = dice.pick([32, 64] as const);
  const target = scope.target();
  if (dice.chance(60)) {
    scope.emit(asm.alu(operation, width, target, scope.scalar()));
    return;
  }
  // The verifier refuses division by the number 0 and shifts by the width or more.
  let imm = dice.immediate();
  if (shifts.includes(operation)) imm = dice.between(0, width - 1);
  else if (divisions.includes(operation) && imm === 0) imm = 1;
  scope.emit(asm.aluImm(operation, width, target, imm));
}

/** Negation, byte order, sign extension, a new number. */
export function unary(scope: Scope): void {
  const { dice } = scope;
  const target = scope.target();
  const width = dice.pick([32, 64] as const);
  const kind = dice.pick(scope.instructionSet === 4 ? [0, 1, 2, 3, 4] : [0, 1, 2]);
  if (kind === 0) scope.emit(asm.neg(width, target));
  else if (kind === 1) {
    scope.emit(asm.byteSwap(dice.pick(["le", "be"] as const), dice.pick([16, 32, 64] as const), target));
  } else if (kind === 2) scope.emit(asm.loadImm64(target, dice.wide()));
  else if (kind === 3) scope.emit(asm.byteSwap("bswap", dice.pick([16, 32, 64] as const), target));
  else {
    const from = dice.pick(width === 64 ? ([8, 16, 32] as const) : ([8, 16] as const));
    scope.emit(asm.movSignExtend(width, from, target, scope.scalar()));
  }
}

interface Place {
  readonly base: number;
  readonly offset: number;
}

/** Somewhere `size` bytes may be read and written. Only the stack must be aligned. */
function anyPlace(scope: Scope, size: number): Place {
  const { dice } = scope;
  const kind = dice.pick(["stack", "stack", "state", "packet"] as const);
  if (kind === "stack") return stackPlace(scope, size);
  const [base, length] = kind === "state" ? [STATE_POINTER, PLAYGROUND_BYTES] : [PACKET_POINTER, PACKET_BYTES];
  const offset = dice.between(0, length - size);
  return { base, offset: dice.chance(70) ? offset - (offset % size) : offset };
}

function stackPlace(scope: Scope, size: number): Place {
  return { base: asm.fp, offset: -size * scope.dice.between(1, (scope.words * 8) / size) };
}

export function load(scope: Scope): void {
  const { dice } = scope;
  const size = dice.pick(sizes);
  const { base, offset } = anyPlace(scope, size);
  const isSigned = scope.instructionSet === 4 && size !== 8 && dice.chance(30);
  const target = scope.target();
  if (isSigned) scope.emit(asm.loadSigned(size, target, base, offset));
  else scope.emit(asm.load(size, target, base, offset));
}

export function store(scope: Scope): void {
  const { dice } = scope;
  const size = dice.pick(sizes);
  const { base, offset } = anyPlace(scope, size);
  if (dice.chance(70)) scope.emit(asm.store(size, base, offset, scope.scalar()));
  else scope.emit(asm.storeImm(size, base, offset, dice.immediate()));
}

const atomicNames = ["add", "or", "and", "xor", "xchg", "cmpxchg"] as const;

/** One atomic operation at base + offset; the verifier allows none on packets. */
export function atomicAt(scope: Scope, base: number, offset: number, size: 4 | 8): void {
  const { dice } = scope;
  const operation = dice.pick(atomicNames);
  const fetch = dice.chance(50);
  const made = asm.atomic(operation, size, base, offset, scope.target(), { fetch });
  if (operation !== "cmpxchg" || size === 8) {
    scope.emit(made);
    return;
  }
  // The upper half of r0 should be 0 now. Linux 6.18 on x86 leaves it as it was where the verifier took
  // a short cut: it adds `w0 = w0` only where it saw r0 being read (verifier.c, opt_subreg_zext_lo32).
  scope.emitFixed(made, asm.mov32(0, 0));
}

export function atomic(scope: Scope): void {
  const { dice } = scope;
  const size = dice.pick([4, 8] as const);
  const { base, offset } = dice.chance(50)
    ? stackPlace(scope, size)
    : { base: STATE_POINTER, offset: size * dice.between(0, PLAYGROUND_BYTES / size - 1) };
  atomicAt(scope, base, offset, size);
}

/** An access to the state at an offset that is only known when the program runs. */
export function variableAccess(scope: Scope): void {
  const { dice } = scope;
  const pointer = scope.target();
  const size = dice.pick(sizes);
  const mask = PLAYGROUND_BYTES / 2 - 1;
  const offset = dice.between(0, PLAYGROUND_BYTES / 2 - size);
  const width = dice.pick([32, 64] as const);
  scope.emitFixed(asm.aluImm("and", width, pointer, mask), asm.alu("add", 64, pointer, STATE_POINTER));
  if (dice.chance(50)) {
    scope.emitFixed(asm.load(size, pointer, pointer, offset));
    return;
  }
  const value = scope.scalar();
  if (value === pointer) scope.emit(asm.storeImm(size, pointer, offset, dice.immediate()));
  else scope.emit(asm.store(size, pointer, offset, value));
  scope.renew(pointer);
}

/** Puts a pointer on the stack, uses its register for numbers, and takes the pointer back. */
export function spill(scope: Scope): void {
  const { dice } = scope;
  const register = dice.pick([PACKET_POINTER, STATE_POINTER]);
  scope.emitFixed(asm.store(8, asm.fp, scope.spillAt, register));
  scope.emitFixed(asm.mov64(register, scope.scalar()));
  for (let count = dice.between(1, 3); count > 0; count--) {
    const operation = dice.pick(["add", "sub", "xor", "mul"] as const);
    scope.emit(asm.alu(operation, dice.pick([32, 64] as const), register, scope.scalar()));
  }
  scope.emit(asm.mov64(scope.target(), register));
  scope.emitFixed(asm.load(8, register, asm.fp, scope.spillAt));
}
