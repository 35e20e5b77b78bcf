// Long work in turns: what comes out is whole, and everything else has its turn meanwhile.
import { expect, test } from "vitest";
import { atOnce, inTurns, jsonParts, textStream } from "./turns.ts";

/** Pieces that each take a moment. */
function* pieces(count: number): Generator<number, string> {
  for (let piece = 0; piece < count; piece++) {
    const until = performance.now() + 0.5;
    while (performance.now() < until);
    yield piece;
  }
  return "done";
}

/** How often everything else had its turn while something went on. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work;
  isOver = true;
  return turns;
}

test("long work comes to its end, and others have their turn meanwhile", async () => {
  expect(atOnce(pieces(3))).toBe("done");
  const work = inTurns(pieces(100));
  expect(await turnsDuring(work)).toBeGreaterThanOrEqual(5);
  expect(await work).toBe("done");
});

test("an error of a piece comes out", async () => {
  function* failing(): Generator<void, void> {
    yield;
    throw new Error("no map");
  }
  await expect(inTurns(failing())).rejects.toThrow("no map");
});

test("a text is made while it is read, whole, in turns, and not for who has gone", async () => {
  const line = `${"x".repeat(99)}\n`;
  let made = 0;
  function* lines(): Generator<string, void> {
    for (; made < 10_000; made++) yield line;
  }
  const response = new Response(textStream(lines()));
  expect(made).toBe(0);
  const read = response.text();
  expect(await turnsDuring(read)).toBeGreaterThanOrEqual(10);
  expect((await read).length).toBe(10_000 * line.length);
  made = 0;
  const reader = textStream(lines()).getReader();
  await reader.read();
  await reader.cancel();
  expect(made).toBeLessThan(1000);
});

test("a text goes on behind parts that take long and give nothing", async () => {
  function* parts(): Generator<string, void> {
    for (const part of ["a", "", "", "b"]) {
      const until = performance.now() + 10;
      while (performance.now() < until);
      yield part;
    }
  }
  expect(await new Response(textStream(parts())).text()).toBe("ab");
});

test("JSON in parts is the same as at once", () => {
  const values = [
    {},
    { a: 1 },
    { a: undefined, b: [] },
    { b: [1, { c: [2] }, "x"], d: null, e: { f: [] }, g: "\n\u2028" },
  ];
  for (const value of values) expect([...jsonParts(value)].join("")).toBe(JSON.stringify(value));
});
