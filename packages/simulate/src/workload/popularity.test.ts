// Who comes how often.
import { seededRandom } from "@yardmaster/packet";
import { expect, test } from "vitest";
import { parsePopularity } from "./popularity.ts";

const DRAWS = 200_000;
const clients = parsePopularity("clients", 10_000);

function shares(text: string): readonly number[] {
  const { count, draw } = clients(text);
  const random = seededRandom(3);
  const counts = new Array<number>(count).fill(0);
  for (let round = 0; round < DRAWS; round++) {
    const at = draw(random);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts.map((times) => times / DRAWS);
}

test("uniform: all alike", () => {
  for (const text of ["20", "20 uniform"]) {
    for (const share of shares(text)) expect(share).toBeCloseTo(0.05, 2);
  }
});

test("zipf: the one of rank n comes 1/n^s as often as the first", () => {
  for (const [text, exponent] of [
    ["20 zipf", 1],
    ["20 zipf 2", 2],
  ] as const) {
    const [first = 0, ...others] = shares(text);
    others.forEach((share, index) => expect(share / first).toBeCloseTo((index + 2) ** -exponent, 1));
  }
});

test.each(["", "0", "10001", "x", "10 zipf 0", "10 uniform 2", "10 pareto", "10 zipf 1 2"])("%j is refused", (text) => {
  expect(() => clients(text)).toThrow();
});
