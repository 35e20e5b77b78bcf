// Arithmetic of the instruction set on 32-bit halves. Division by zero gives 0, remainder by zero the
// dividend, shift counts are masked, 32-bit results zero the upper half
// (Documentation/bpf/standardization/instruction-set.rst).

import * as op from "../asm/index.ts";
import { type Registers, toInt64, toUint64 } from "./registers.ts";

/** `dst = dst <operation> operand`, the operand given as halves. */
export type Operation64 = (registers: Registers, dst: number, low: number, high: number) => void;
/** Result of a 32-bit operation on signed operands; only its lower 32 bits count. */
export type Operation32 = (a: number, b: number) => number;

const key = (code: number, offset: number) => code | offset;

/** By operation bits, plus 1 for the signed variant. */
export const operations32: ReadonlyMap<number, Operation32> = new Map<number, Operation32>([
  [0x00, (a, b) => a + b],
  [0x10, (a, b) => a - b],
  [0x20, (a, b) => Math.imul(a, b)],
  [0x30, (a, b) => (b === 0 ? 0 : (a >>> 0) / (b >>> 0))],
  [key(0x30, 1), (a, b) => (b === 0 ? 0 : a / b)],
  [0x40, (a, b) => a | b],
  [0x50, (a, b) => a & b],
  [0x60, (a, b) => a << b],
  [0x70, (a, b) => a >>> b],
  [0x90, (a, b) => (b === 0 ? a : (a >>> 0) % (b >>> 0))],
  [key(0x90, 1), (a, b) => (b === 0 ? a : a % b)],
  [0xa0, (a, b) => a ^ b],
  [0xb0, (_a, b) => b],
  [0xc0, (a, b) => a >> b],
]);

/** By operation bits, plus 1 for the signed variant. */
export const operations64: ReadonlyMap<number, Operation64> = new Map<number, Operation64>([
  [0x00, add],
  [0x10, subtract],
  [0x20, multiply],
  [0x30, divide],
  [key(0x30, 1), divideSigned],
  [0x40, (r, d, low, high) => r.set(d, r.low(d) | low, r.high(d) | high)],
  [0x50, (r, d, low, high) => r.set(d, r.low(d) & low, r.high(d) & high)],
  [0x60, shiftLeft],
  [0x70, shiftRight],
  [0x90, remainder],
  [key(0x90, 1), remainderSigned],
  [0xa0, (r, d, low, high) => r.set(d, r.low(d) ^ low, r.high(d) ^ high)],
  [0xb0, (r, d, low, high) => r.set(d, low, high)],
  [0xc0, shiftRightSigned],
]);

function add(r: Registers, d: number, low: number, high: number): void {
  const sum = (r.low(d) >>> 0) + (low >>> 0);
  r.set(d, sum, r.high(d) + high + (sum > 0xffff_ffff ? 1 : 0));
}

function subtract(r: Registers, d: number, low: number, high: number): void {
  const borrow = r.low(d) >>> 0 < low >>> 0 ? 1 : 0;
  r.set(d, r.low(d) - low, r.high(d) - high - borrow);
}

function multiply(r: Registers, d: number, low: number, high: number): void {
  const a = r.low(d);
  const cross = Math.imul(a, high) + Math.imul(r.high(d), low);
  r.set(d, Math.imul(a, low), multiplyHigh(a, low) + cross);
}

/** Upper 32 bits of the unsigned product of two 32-bit numbers, by 16-bit pieces. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + Math.floor(middle / 0x1_0000) + Math.floor(carry / 0x1_0000);
}

function divide(r: Registers, d: number, low: number, high: number): void {
  if (low === 0 && high === 0) r.set(d, 0, 0);
  else if (high === 0 && r.high(d) === 0) r.set(d, (r.low(d) >>> 0) / (low >>> 0), 0);
  else r.set64(d, r.get64(d) / toUint64(low, high));
}

function remainder(r: Registers, d: number, low: number, high: number): void {
  if (low === 0 && high === 0) return;
  if (high === 0 && r.high(d) === 0) r.set(d, (r.low(d) >>> 0) % (low >>> 0), 0);
  else r.set64(d, r.get64(d) % toUint64(low, high));
}

function divideSigned(r: Registers, d: number, low: number, high: number): void {
  if (low === 0 && high === 0) r.set(d, 0, 0);
  else r.set64(d, toInt64(r.low(d), r.high(d)) / toInt64(low, high));
}

function remainderSigned(r: Registers, d: number, low: number, high: number): void {
  if (low === 0 && high === 0) return;
  r.set64(d, toInt64(r.low(d), r.high(d)) % toInt64(low, high));
}

function shiftLeft(r: Registers, d: number, count: number): void {
  const n = count & 63;
  if (n === 0) return;
  if (n >= 32) r.set(d, 0, r.low(d) << (n - 32));
  else r.set(d, r.low(d) << n, (r.high(d) << n) | (r.low(d) >>> (32 - n)));
}

function shiftRight(r: Registers, d: number, count: number): void {
  const n = count & 63;
  if (n === 0) return;
  if (n >= 32) r.set(d, r.high(d) >>> (n - 32), 0);
  else r.set(d, (r.low(d) >>> n) | (r.high(d) << (32 - n)), r.high(d) >>> n);
}

function shiftRightSigned(r: Registers, d: number, count: number): void {
  const n = count & 63;
  if (n === 0) return;
  if (n >= 32) r.set(d, r.high(d) >> (n - 32), r.high(d) >> 31);
  else r.set(d, (r.low(d) >>> n) | (r.high(d) << (32 - n)), r.high(d) >> n);
}

/** `dst = -dst`. */
export function negate64(r: Registers, d: number): void {
  const low = -r.low(d) | 0;
  r.set(d, low, ~r.high(d) + (low === 0 ? 1 : 0));
}

function swap32(value: number): number {
  return ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | ((value >>> 24) & 0xff);
}

/** Swaps the lower `bits` of `dst` and clears the rest. */
export function swapBytes(r: Registers, d: number, bits: number): void {
  const low = swap32(r.low(d));
  if (bits === 16) r.set(d, low >>> 16, 0);
  else if (bits === 32) r.set(d, low, 0);
  else r.set(d, swap32(r.high(d)), low);
}

/** Clears all but the lower `bits` of `dst`. */
export function truncate(r: Registers, d: number, bits: number): void {
  if (bits === 16) r.set(d, r.low(d) & 0xffff, 0);
  else if (bits === 32) r.set(d, r.low(d), 0);
}

/** `value`'s lower `bits` (8, 16 or 32) as a signed number. */
export function signExtend(value: number, bits: number): number {
  const unused = 32 - bits;
  return (value << unused) >> unused;
}

/** Comparison of `dst` with an operand given as halves. */
export type Comparison = (aLow: number, aHigh: number, bLow: number, bHigh: number) => boolean;

const below: Comparison = (aLow, aHigh, bLow, bHigh) =>
  aHigh === bHigh ? aLow >>> 0 < bLow >>> 0 : aHigh >>> 0 < bHigh >>> 0;
const less: Comparison = (aLow, aHigh, bLow, bHigh) => (aHigh === bHigh ? aLow >>> 0 < bLow >>> 0 : aHigh < bHigh);

/**
 * By operation bits of the jump. For a 32-bit jump the halves of each operand are the lower 32 bits
 * and their sign, so one table serves both widths: sign-extended values keep their order.
 */
export const comparisons: ReadonlyMap<number, Comparison> = new Map<number, Comparison>([
  [op.jumpOperations.jeq, (aLow, aHigh, bLow, bHigh) => aLow === bLow && aHigh === bHigh],
  [op.jumpOperations.jne, (aLow, aHigh, bLow, bHigh) => aLow !== bLow || aHigh !== bHigh],
  [op.jumpOperations.jset, (aLow, aHigh, bLow, bHigh) => ((aLow & bLow) | (aHigh & bHigh)) !== 0],
  [op.jumpOperations.jgt, (aLow, aHigh, bLow, bHigh) => below(bLow, bHigh, aLow, aHigh)],
  [op.jumpOperations.jge, (aLow, aHigh, bLow, bHigh) => !below(aLow, aHigh, bLow, bHigh)],
  [op.jumpOperations.jlt, below],
  [op.jumpOperations.jle, (aLow, aHigh, bLow, bHigh) => !below(bLow, bHigh, aLow, aHigh)],
  [op.jumpOperations.jsgt, (aLow, aHigh, bLow, bHigh) => less(bLow, bHigh, aLow, aHigh)],
  [op.jumpOperations.jsge, (aLow, aHigh, bLow, bHigh) => !less(aLow, aHigh, bLow, bHigh)],
  [op.jumpOperations.jslt, less],
  [op.jumpOperations.jsle, (aLow, aHigh, bLow, bHigh) => !less(bLow, bHigh, aLow, aHigh)],
]);
