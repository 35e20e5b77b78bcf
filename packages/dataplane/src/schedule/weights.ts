// Numbers about the weights of a list.

import type { ListedMember } from "./scheduler.ts";

/** Greatest common divisor, 0 where there are no positive numbers. */
export function commonDivisor(numbers: readonly number[]): number {
  return numbers.reduce(greatestCommonDivisor, 0);
}

/** wrr: greatest common divisor of the positive weights, 1 if there are none. */
export function weightDivisor(members: readonly Pick<ListedMember, "weight">[]): number {
  return Math.max(commonDivisor(members.map(({ weight }) => weight)), 1);
}

/** wrr: the level that a round starts on: max weight − (divisor − 1); 0 where no weight is positive. */
export function highestLevel(members: readonly Pick<ListedMember, "weight">[]): number {
  const largest = members.reduce((known, { weight }) => Math.max(known, weight), 0);
  return largest === 0 ? 0 : largest - (weightDivisor(members) - 1);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
