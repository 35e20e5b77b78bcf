// A table that is full is told of once, whatever comes while it is, and once when it has room again.

import { expect, it } from "vitest";
import { TableWatch } from "./table-watch.ts";

it("tells the beginning and the end, not what is in between", () => {
  const said: string[] = [];
  const watch = new TableWatch((line) => void said.push(line));
  const look = (refused: number, entries: number) => watch.look(refused, () => ({ entries, maximum: 64 }));
  // What was refused before this process is no news, but what it takes over may be full.
  for (const [refused, entries] of [
    [0, 10],
    [0, 64],
    [3, 64],
    [9, 64],
    [9, 64],
    [9, 64],
    [9, 64],
  ] as const) {
    look(refused, entries);
  }
  expect([watch.isFull, said.length]).toEqual([true, 1]);
  expect(said[0]).toMatch(/^the connection table is full, 64 of 64 entries: .*\(tableFull\); write a larger /);
  look(9, 40);
  expect([watch.isFull, said.at(-1)]).toEqual([
    false,
    "the connection table takes connections again: 40 of 64 entries",
  ]);
  for (const [refused, entries] of [
    [9, 64],
    [2, 64],
    [2, 10],
    [2, 10],
  ] as const) {
    look(refused, entries);
  }
  expect(said).toHaveLength(3);
  expect(watch.isFull).toBe(true);
  look(2, 10);
  expect([watch.isFull, said.length]).toEqual([false, 4]);
});
