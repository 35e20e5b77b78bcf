// The README tells the truth: its program is the one that runs here, and its table has every error code.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { makePacket } from "../../examples/headers.ts";
import { run } from "./readme-example.ts";

const PACKAGE = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(PACKAGE, path), "utf8");

test("the complete program is readme-example.ts, and counts", () => {
  const [, snippet] = /```ts\n([^]*?)```/.exec(read("README.md")) ?? [];
  const [, program] = /\n\n([^]*)/.exec(read("test/dsl/readme-example.ts")) ?? [];
  expect(snippet).toBe(program);
  expect(run(makePacket({ destinationPort: 80 }))).toBe(1n);
  expect(run(makePacket({ destinationPort: 81 }))).toBe(0n);
});

test("every code of a build error is in the table, and no other", () => {
  const codes = (text: string) => [...new Set(text.match(/YM_BUILD_[A-Z]+/g))].toSorted();
  expect(codes(read("README.md"))).toEqual(codes(read("src/dsl/build-error.ts")));
});

test("the quoted refusal is what the fixture says at that line", () => {
  const [, line, text] = /\n {2}(\d+) \| ( +const item = .*)\n/.exec(read("README.md")) ?? [];
  expect(read("test/dsl/positions-fixture.ts").split("\n")[Number(line) - 1]).toBe(text);
});
