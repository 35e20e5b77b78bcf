// Staged numbers: values that exist when a packet comes. Host integers compute; numbers in network
// order only compare with their like; conditions decide branches. All are immutable.

import type { AluOperation, JumpOperation, Width } from "../asm/index.ts";
import { type Comparison, type Constant, constant, fitsImmediate, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { assertOwner, builder, type FunctionBuilder } from "./builder.ts";
import { callerPosition } from "./position.ts";

export type IntKind = "u8" | "u16" | "u32" | "u64";
export type NetKind = "be16" | "be32" | "be64";
/** Narrow integers compute in 32 bits. */
export type Computed<K extends IntKind> = K extends "u64" ? "u64" : "u32";
/** What may stand on the right of an operator: 64-bit values only beside 64-bit values. */
export type Other<K extends IntKind> = number | bigint | Int<K extends "u64" ? IntKind : "u8" | "u16" | "u32">;
type HostOf<K extends NetKind> = K extends "be16" ? "u16" : K extends "be32" ? "u32" : "u64";
type NetOf<K extends IntKind> = K extends "u16" ? "be16" : K extends "u32" ? "be32" : K extends "u64" ? "be64" : never;

/** Width of each kind of number. */
export const BITS = { u8: 8, u16: 16, u32: 32, u64: 64, be16: 16, be32: 32, be64: 64 } as const;

/** A value known only when the program runs. Held zero-extended to 64 bits in its register. */
export abstract class Staged {
  readonly #owner: FunctionBuilder | undefined;
  readonly #operand: VirtualRegister | Constant;

  protected constructor(operand: VirtualRegister | Constant) {
    this.#operand = operand;
    this.#owner = operand.kind === "register" ? builder() : undefined;
  }

  /** For the library: where the value is. Throws when the value belongs to another function. */
  operand(): VirtualRegister | Constant {
    if (this.#owner !== undefined) assertOwner(this.#owner, "this value", this.#owner.writtenAt(this.#operand));
    return this.#operand;
  }

  /** JavaScript's operators cannot see staged values: `a < b`, `a + 1` and `${a}` end up here. */
  [Symbol.toPrimitive](): never {
    throw new BuildError(
      "YM_BUILD_COERCION",
      "a staged value was used as a JavaScript value; " +
        "write a.lt(b), a.add(b), when(a.eq(b), …) instead of a < b, a + b, if (a == b)",
      callerPosition(),
    );
  }
}

/** An unsigned integer in host order. */
export class Int<K extends IntKind = IntKind> extends Staged {
  readonly kind: K;
  readonly #wide: VirtualRegister | undefined;

  constructor(kind: K, operand: VirtualRegister | Constant, wide?: VirtualRegister) {
    super(operand);
    this.kind = kind;
    this.#wide = wide;
  }

  /** For the library: where the value is for a store of its width; of a narrowed one, before narrowing. */
  storable(): VirtualRegister | Constant {
    const narrowed = this.operand();
    return this.#wide ?? narrowed;
  }

  /** Sum; wraps around at 32 bits, or at 64 for u64, as all arithmetic here. */
  add(other: Other<K>): Int<Computed<K>> {
    return compute("add", this, other);
  }
  sub(other: Other<K>): Int<Computed<K>> {
    return compute("sub", this, other);
  }
  mul(other: Other<K>): Int<Computed<K>> {
    return compute("mul", this, other);
  }
  /** Unsigned quotient; division by zero gives 0, as the instruction set says. */
  div(other: Other<K>): Int<Computed<K>> {
    return compute("div", this, other);
  }
  /** Unsigned remainder; modulo zero leaves the value. */
  mod(other: Other<K>): Int<Computed<K>> {
    return compute("mod", this, other);
  }
  and(other: Other<K>): Int<Computed<K>> {
    return compute("and", this, other);
  }
  or(other: Other<K>): Int<Computed<K>> {
    return compute("or", this, other);
  }
  xor(other: Other<K>): Int<Computed<K>> {
    return compute("xor", this, other);
  }
  /** Shift left; the distance counts modulo the width. */
  shl(other: Other<K>): Int<Computed<K>> {
    return compute("lsh", this, other);
  }
  /** Logical shift right. */
  shr(other: Other<K>): Int<Computed<K>> {
    return compute("rsh", this, other);
  }

  eq(other: Int | number | bigint): Bool {
    return compare("jeq", this, other);
  }
  ne(other: Int | number | bigint): Bool {
    return compare("jne", this, other);
  }
  lt(other: Int | number | bigint): Bool {
    return compare("jlt", this, other);
  }
  le(other: Int | number | bigint): Bool {
    return compare("jle", this, other);
  }
  gt(other: Int | number | bigint): Bool {
    return compare("jgt", this, other);
  }
  ge(other: Int | number | bigint): Bool {
    return compare("jge", this, other);
  }
  /** Less than zero when its bits are read as a signed number of its width (u32 and u64 only). */
  isNegative(this: Int<"u32"> | Int<"u64">): Bool {
    const width = this.kind === "u64" ? 64 : 32;
    return new Bool(comparison("jslt", width, this.operand(), constant(0)));
  }

  toU8(): Int<"u8"> {
    return narrow(this, "u8");
  }
  toU16(): Int<"u16"> {
    return narrow(this, "u16");
  }
  toU32(): Int<"u32"> {
    return narrow(this, "u32");
  }
  toU64(): Int<"u64"> {
    return new Int("u64", this.operand());
  }
  /** The same number in network order. */
  toNet(this: Int<"u16"> | Int<"u32"> | Int<"u64">): Net<NetOf<K>> {
    const kind = ({ u16: "be16", u32: "be32", u64: "be64" } as const)[this.kind];
    return new Net(kind as NetOf<K>, swapped(this.operand(), BITS[kind]));
  }
}

/** A number in network (big-endian) byte order: equality and conversion, no arithmetic. */
export class Net<K extends NetKind = NetKind> extends Staged {
  readonly kind: K;

  constructor(kind: K, operand: VirtualRegister | Constant) {
    super(operand);
    this.kind = kind;
  }

  /** Equality with a value in network order, or with a JavaScript number as people write it (port 80). */
  eq(other: Net<K> | number | bigint): Bool {
    return new Bool(netComparison("jeq", this, other));
  }
  ne(other: Net<K> | number | bigint): Bool {
    return new Bool(netComparison("jne", this, other));
  }
  /** The same number in host order. */
  toHost(): Int<HostOf<K>> {
    return new Int(hostKind(this.kind), swapped(this.operand(), BITS[this.kind]));
  }
  /** The bytes as a host integer, unconverted: for hashing and checksums, where order does not matter. */
  raw(): Int<HostOf<K>> {
    return new Int(hostKind(this.kind), this.operand());
  }
}

function hostKind<K extends NetKind>(kind: K): HostOf<K> {
  const kinds: Record<NetKind, IntKind> = { be16: "u16", be32: "u32", be64: "u64" };
  return kinds[kind] as HostOf<K>;
}

/** What a condition is made of. */
export type Condition =
  | { readonly kind: "compare"; readonly comparison: Comparison }
  | { readonly kind: "known"; readonly value: boolean }
  | { readonly kind: "not"; readonly of: Bool }
  | { readonly kind: "and" | "or"; readonly left: Bool; readonly right: Bool };

/** A condition. It becomes branches where `guard`, `when` or `choose` uses it. */
export class Bool {
  readonly condition: Condition;
  readonly #owner = builder();

  constructor(condition: Condition) {
    this.condition = condition;
  }

  /** Both; the right one is not looked at when the left one is false. */
  and(other: Bool): Bool {
    return new Bool({ kind: "and", left: this, right: other });
  }
  /** Either. */
  or(other: Bool): Bool {
    return new Bool({ kind: "or", left: this, right: other });
  }
  not(): Bool {
    return new Bool({ kind: "not", of: this });
  }

  /** For the library. */
  assertUsable(): void {
    assertOwner(this.#owner, "this condition");
  }

  [Symbol.toPrimitive](): never {
    throw new BuildError(
      "YM_BUILD_COERCION",
      "a staged condition was used as a JavaScript value; use a.and(b), a.or(b), a.not()",
      callerPosition(),
    );
  }
}

/** A register that holds `operand`; constants that no immediate can hold are loaded into one. */
export function inRegister(operand: VirtualRegister | Constant): VirtualRegister {
  if (operand.kind === "register") return operand;
  const target = builder().register();
  builder().emit({ kind: "move", target, from: operand, width: 64 });
  return target;
}

/** The operand of a staged or JavaScript number for an operation on `bits` bits; checks its range. */
export function operandOf(value: Int | number | bigint, bits: number): VirtualRegister | Constant {
  if (value instanceof Int) return value.operand();
  const exact = typeof value === "bigint" ? value : Number.isInteger(value) ? BigInt(value) : undefined;
  const lowest = bits === 64 ? -(1n << 63n) : 0n;
  if (exact === undefined || exact < lowest || exact >= 1n << BigInt(bits)) {
    throw new BuildError("YM_BUILD_RANGE", `${value} does not fit an unsigned ${bits}-bit value`, callerPosition());
  }
  return constant(exact);
}

/** A network-order constant: the number as people write it, its bytes swapped. */
export function netConstant(value: number | bigint, bits: 16 | 32 | 64): Constant {
  const host = operandOf(value, bits) as Constant;
  return constant(swapBytes(BigInt.asUintN(bits, host.value), bits));
}

/** `value` with its `bits / 8` bytes in the other order. */
export function swapBytes(value: bigint, bits: number): bigint {
  let result = 0n;
  for (let rest = value, done = 0; done < bits; done += 8, rest >>= 8n) result = (result << 8n) | (rest & 0xffn);
  return result;
}

function compute<K extends IntKind>(operation: AluOperation, left: Int<K>, right: Other<K>): Int<Computed<K>> {
  const kind = (left.kind === "u64" ? "u64" : "u32") as Computed<K>;
  const width: Width = kind === "u64" ? 64 : 32;
  const from = left.operand();
  const other = rightOperand(operation, right, width);
  if (from.kind === "constant" && other.kind === "constant") {
    const folded = fold(operation, BigInt.asUintN(width, from.value), BigInt.asUintN(width, other.value), width);
    return new Int(kind, constant(folded));
  }
  if (other.kind === "constant" && isIdentity(operation, other.value)) return new Int(kind, from);
  // The verifier refuses division by a constant zero; what the instruction set says of it is known here.
  if (operation === "div" && other.kind === "constant" && other.value === 0n) return new Int(kind, constant(0));
  const target = builder().register();
  const fits = other.kind === "constant" && (width === 32 || fitsImmediate(other.value));
  const operands = { left: inRegister(from), right: fits ? other : inRegister(other) };
  builder().emit({ kind: "alu", operator: operation, width, target, ...operands });
  return new Int(kind, target);
}

/** The verifier refuses constant distances of the width and more: they count modulo the width, as variable ones do. */
function rightOperand(operation: AluOperation, right: Int | number | bigint, width: Width): VirtualRegister | Constant {
  if (width === 32 && right instanceof Int && right.kind === "u64") {
    throw new BuildError(
      "YM_BUILD_RANGE",
      "a 64-bit value on the right of a narrower one: widen the left with toU64(), or cut the right with toU32()",
      callerPosition(),
    );
  }
  const other = operandOf(right, width);
  const isShift = operation === "lsh" || operation === "rsh";
  return isShift && other.kind === "constant" ? constant(other.value & BigInt(width - 1)) : other;
}

function isIdentity(operation: AluOperation, value: bigint): boolean {
  return value === 0n && ["add", "sub", "or", "xor", "lsh", "rsh", "mod"].includes(operation);
}

function fold(operation: AluOperation, a: bigint, b: bigint, width: Width): bigint {
  const shift = b & BigInt(width - 1);
  const results: Partial<Record<AluOperation, () => bigint>> = {
    add: () => a + b,
    sub: () => a - b,
    mul: () => a * b,
    and: () => a & b,
    or: () => a | b,
    xor: () => a ^ b,
    div: () => (b === 0n ? 0n : a / b),
    mod: () => (b === 0n ? a : a % b),
    lsh: () => a << shift,
    rsh: () => a >> shift,
  };
  const result = results[operation];
  if (result === undefined) throw new Error(`no folding for ${operation}`);
  return BigInt.asUintN(width, result());
}

function compare(operation: JumpOperation, left: Int, right: Int | number | bigint): Bool {
  const bits = BITS[left.kind];
  const isWide = bits === 64 || (right instanceof Int && right.kind === "u64");
  return new Bool(
    comparison(operation, isWide ? 64 : 32, left.operand(), operandOf(right, isWide ? 64 : Math.max(bits, 32))),
  );
}

function netComparison(operation: JumpOperation, left: Net, right: Net | number | bigint): Condition {
  const bits = BITS[left.kind];
  const other = right instanceof Net ? right.operand() : netConstant(right, bits);
  return comparison(operation, bits === 64 ? 64 : 32, left.operand(), other);
}

const HOLDS: Partial<Record<JumpOperation, (a: bigint, b: bigint) => boolean>> = {
  jeq: (a, b) => a === b,
  jne: (a, b) => a !== b,
  jlt: (a, b) => a < b,
  jle: (a, b) => a <= b,
  jgt: (a, b) => a > b,
  jge: (a, b) => a >= b,
};

/**
 * Values are zero-extended, so unsigned comparisons may look at all 64 bits, which the verifier
 * understands best; a constant above the signed immediate's range needs the 32-bit form.
 */
function comparison(
  operation: JumpOperation,
  bits: Width,
  left: VirtualRegister | Constant,
  right: VirtualRegister | Constant,
): Condition {
  const holds = HOLDS[operation];
  if (left.kind === "constant" && right.kind === "constant" && holds !== undefined) {
    return { kind: "known", value: holds(BigInt.asUintN(64, left.value), BigInt.asUintN(64, right.value)) };
  }
  const isSigned = operation === "jslt";
  const fits = right.kind === "constant" && fitsImmediate(right.value);
  const width: Width = bits === 32 && (isSigned || (right.kind === "constant" && !fits)) ? 32 : 64;
  const other = right.kind === "register" || fits || width === 32 ? right : inRegister(right);
  return { kind: "compare", comparison: { operator: operation, width, left: inRegister(left), right: other } };
}

function narrow<K extends "u8" | "u16" | "u32">(value: Int, kind: K): Int<K> {
  const bits = BITS[kind];
  const from = value.operand();
  if (from.kind === "constant") return new Int(kind, constant(BigInt.asUintN(bits, from.value)));
  if (BITS[value.kind] <= bits) return new Int(kind, from);
  const whole = value.storable() as VirtualRegister;
  const target = builder().register();
  if (bits === 32) builder().emit({ kind: "move", target, from, width: 32 });
  else
    builder().emit({ kind: "alu", operator: "and", width: 32, target, left: from, right: constant((1 << bits) - 1) });
  return new Int(kind, target, whole);
}

function swapped(from: VirtualRegister | Constant, bits: 16 | 32 | 64): VirtualRegister | Constant {
  if (from.kind === "constant") return constant(swapBytes(BigInt.asUintN(bits, from.value), bits));
  const target = builder().register();
  builder().emit({ kind: "swap", bits, target, from });
  return target;
}
