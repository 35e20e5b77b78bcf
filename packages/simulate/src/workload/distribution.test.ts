// Durations: their means, their tails, their mixes, and what is refused.
import { seededRandom } from "@yardmaster/packet";
import { expect, test } from "vitest";
import { parseDistribution } from "./distribution.ts";

const DRAWS = 100_000;

function draws(text: string): readonly number[] {
  const draw = parseDistribution(text);
  const random = seededRandom(7);
  return Array.from({ length: DRAWS }, () => draw(random)).sort((a, b) => a - b);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test("constant: the same each time, and what a bare duration means", () => {
  expect(new Set(draws("constant 2s"))).toEqual(new Set([2_000]));
  expect(new Set(draws("2s"))).toEqual(new Set([2_000]));
});

test("exponential: mean as said, median at ln 2 of it", () => {
  const values = draws("exponential 2s");
  expect(mean(values) / 2_000).toBeCloseTo(1, 1);
  expect((values[DRAWS / 2] ?? 0) / (2_000 * Math.LN2)).toBeCloseTo(1, 1);
});

test("pareto: mean as said, never below its least, a tail that falls as a power", () => {
  const values = draws("pareto 3s shape=3");
  expect(mean(values) / 3_000).toBeCloseTo(1, 1);
  expect(values[0]).toBeGreaterThanOrEqual(2_000);
  // Above ten times the least is a part of 10^-3.
  expect(values.filter((value) => value > 20_000).length / DRAWS / 1e-3).toBeCloseTo(1, 0);
});

test("a mix draws from its parts as often as their shares say", () => {
  const values = draws("90% constant 200ms, 10% 60s");
  expect(new Set(values)).toEqual(new Set([200, 60_000]));
  expect(values.filter((value) => value === 60_000).length / DRAWS).toBeCloseTo(0.1, 2);
});

test.each([
  ["", "does not say how long"],
  ["forever", "does not say how long"],
  ["gaussian 2s", "does not say how long"],
  ["exponential 2", `"2" is no duration`],
  ["exponential 2s shape=2", "does not say how long"],
  ["pareto 2s shape=1", `"1" is not a shape`],
  ["50% 1s, 40% 2s", "are 90 % together, not 100 %"],
  ["50% 1s, 2s", "are 50 % together"],
])("%j is refused", (text, message) => {
  expect(() => parseDistribution(text)).toThrow(message);
});
