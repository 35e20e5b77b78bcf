// Moves that happen at once, done one after another: the same registers hold the same values afterwards.

import fc from "fast-check";
import { expect, test } from "vitest";
import { parallelMoves } from "./parallel-moves.ts";

const SCRATCH = 0;
const REGISTERS = 10;

const moves = fc
  .uniqueArray(fc.integer({ min: 1, max: REGISTERS - 1 }), { maxLength: 9 })
  .chain((targets) =>
    fc
      .array(fc.integer({ min: 0, max: REGISTERS - 1 }), { minLength: targets.length, maxLength: targets.length })
      .map((sources) => targets.map((target, index) => ({ target, from: sources[index]! }))),
  );

test("ordered moves do what simultaneous ones would", () => {
  fc.assert(
    fc.property(moves, (wanted) => {
      const registers = Array.from({ length: REGISTERS }, (_, index) => index);
      for (const { target, from } of parallelMoves(wanted, SCRATCH)) registers[target] = registers[from]!;
      for (const { target, from } of wanted) expect(registers[target], `r${target}`).toBe(from);
      const targets = new Set(wanted.map(({ target }) => target));
      for (let other = 1; other < REGISTERS; other++) if (!targets.has(other)) expect(registers[other]).toBe(other);
    }),
    { numRuns: 1000 },
  );
});

test("no move at all where everything is in place, no scratch where there is no cycle", () => {
  expect(parallelMoves([{ target: 3, from: 3 }], SCRATCH)).toEqual([]);
  expect(
    parallelMoves(
      [
        { target: 1, from: 2 },
        { target: 2, from: 3 },
      ],
      SCRATCH,
    ),
  ).toEqual([
    { target: 1, from: 2 },
    { target: 2, from: 3 },
  ]);
});
