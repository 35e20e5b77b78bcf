// Every instruction knows the line and column of the TypeScript that made it. The tests run files through Node's
// own loader (vitest.config.ts), which blanks types out and moves nothing; the same is asked of plain node here.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { disassembleOne, type Instruction } from "@yardmaster/ebpf/asm";
import { correct } from "./positions-fixture.ts";
import { positionOf } from "./source-place.ts";

const FIXTURE = new URL("positions-fixture.ts", import.meta.url).href;

/** `15:5 r6 = *(u32 *)(r1 +0)`. */
function positioned({ source, ...instruction }: Instruction): string {
  return `${source?.line}:${source?.column} ${disassembleOne(instruction)}`;
}

/** The instructions that came from `at`, which stands within the only occurrence of `snippet`. */
function madeBy(snippet: string, at: string): string[] {
  const { line, column } = positionOf(FIXTURE, snippet, at);
  const isFromThere = ({ source }: Instruction) => source?.line === line && source.column === column;
  return correct()
    .instructions.filter(isFromThere)
    .map((instruction) => disassembleOne(instruction));
}

test("operations on one line are told apart by their columns", () => {
  const line = "word.value = word.value.add(header.kind).xor(header.port.toHost());";
  expect(madeBy(line, "value.add")).toEqual(["r5 = *(u32 *)(r0 +0)"]);
  expect(madeBy(line, "kind)")).toEqual(["r4 = *(u8 *)(r6 +0)"]);
  expect(madeBy(line, "add(")).toEqual(["w5 += w4"]);
  expect(madeBy(line, "port.toHost")).toEqual(["r4 = *(u16 *)(r6 +2)"]);
  expect(madeBy(line, "toHost")).toEqual(["r4 = be16 r4"]);
  expect(madeBy(line, "xor(")).toEqual(["w5 ^= w4"]);
  expect(madeBy(line, "value = ")).toEqual([]);
  expect(madeBy(line, "= word")).toEqual(["*(u32 *)(r0 +0) = r5"]);
});

test("calls, checks, and what the library adds by itself", () => {
  expect(madeBy('xdp("correct"', "xdp")).toEqual(["r6 = *(u32 *)(r1 +0)", "r5 = *(u32 *)(r1 +4)"]);
  const lookup = "words.lookup(header.kind.and(3).toU32()).orPass()";
  expect(madeBy(lookup, "lookup(").at(-1)).toBe("call bpf_map_lookup_elem#1");
  expect(madeBy(lookup, "orPass()")).toEqual(["if r0 == 0x0 goto +10"]);
  expect(madeBy("verdict(twice({ value: word.value }))", "verdict")).toEqual(["exit"]);
  expect(madeBy('fn("twice", { value: u32 }', "fn")).toEqual(["exit"]);
  expect(madeBy("value.add(value)", "add").at(-1)).toBe("w0 += w1");
});

test("no instruction is without a position, and all are in the program's file", () => {
  const files = new Set(correct().instructions.map(({ source }) => source?.file));
  expect([...files]).toEqual([new URL(FIXTURE).pathname]);
});

test("plain node sees the same positions", () => {
  const script = `
    const { correct } = await import(${JSON.stringify(FIXTURE)});
    console.log(JSON.stringify(correct().instructions.map(({ source }) => source)));
  `;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  expect(JSON.parse(output)).toEqual(correct().instructions.map(({ source }) => source));
  expect(correct().instructions.map(positioned)[0]).toMatch(/^\d+:\d+ r6 = /);
});
