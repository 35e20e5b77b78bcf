// Long lists piece by piece: the same text whatever their length, and no more of them is made than is read.
import { describe, expect, it } from "vitest";
import { lineFormat, listFormat, rowBody } from "./row-stream.ts";

const rowsOf = (count: number) => Array.from({ length: count }, (_, number) => ({ number, text: "é".repeat(20) }));
const textOf = async (count: number, format = listFormat("rows")) =>
  await new Response(rowBody(rowsOf(count), format)).text();

describe("rowBody", () => {
  it.each([0, 1, 2, 1000, 5000, 20_000])("has %d rows", async (count) => {
    expect(JSON.parse(await textOf(count))).toEqual({ rows: rowsOf(count) });
    const lines = await textOf(count, lineFormat);
    expect(
      lines
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(rowsOf(count));
  });

  it("is a text where it is short, and throws what its first rows throw", () => {
    expect(rowBody(rowsOf(2), listFormat("rows"))).toBe(JSON.stringify({ rows: rowsOf(2) }));
    const failing = (function* () {
      yield 1;
      throw new Error("no such luck");
    })();
    expect(() => rowBody(failing, lineFormat)).toThrow("no such luck");
  });

  it("makes no more than is read, and lets go when nobody reads on", async () => {
    const seen = { made: 0, isOver: false };
    const rows = (function* () {
      try {
        for (; seen.made < 1_000_000; seen.made++) yield { text: "x".repeat(100) };
      } finally {
        seen.isOver = true;
      }
    })();
    const body = rowBody(rows, lineFormat);
    if (typeof body === "string") expect.fail("it is too long for that");
    const reader = body.getReader();
    for (let piece = 0; piece < 3; piece++) expect((await reader.read()).value?.length).toBeGreaterThan(60_000);
    expect(seen.made).toBeLessThan(5_000);
    await reader.cancel();
    expect(seen.isOver).toBe(true);
  });

  it("breaks off where a later row throws", async () => {
    const rows = (function* () {
      for (let at = 0; at < 5000; at++) yield { text: "x".repeat(100) };
      throw new Error("no such luck");
    })();
    await expect(new Response(rowBody(rows, lineFormat)).text()).rejects.toThrow("no such luck");
  });
});
