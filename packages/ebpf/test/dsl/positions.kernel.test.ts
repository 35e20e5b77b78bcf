// The kernel speaks of TypeScript lines: the verifier where it refuses a program, bpftool where it shows one.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { BpfMap, ProgramSpec } from "@yardmaster/ebpf";
import { createKernelHost, type KernelProgram, VerifierError } from "@yardmaster/ebpf/kernel";
import { correct, unchecked, uncheckedGlobal } from "./positions-fixture.ts";
import { placeOf, positionOf } from "./source-place.ts";

const FIXTURE = new URL("positions-fixture.ts", import.meta.url).href;
const MISTAKE = "header.items.masked(header.kind)";

/** Loads `spec`, hands the program to `use`, and closes everything. */
function withLoaded<T>(spec: ProgramSpec, use: (program: KernelProgram) => T): T {
  const host = createKernelHost();
  const maps = new Map<string, BpfMap>(spec.maps.map((map) => [map.name, host.createMap(map)]));
  try {
    using program = host.loadProgram(spec, maps);
    return use(program);
  } finally {
    for (const map of maps.values()) map.close();
  }
}

function refusal(spec: ProgramSpec): VerifierError {
  try {
    withLoaded(spec, () => undefined);
  } catch (error) {
    if (error instanceof VerifierError) return error;
    throw error;
  }
  throw new Error(`the verifier accepted "${spec.name}"`);
}

test("a missing bounds check: the error names file, line and column, and quotes the line", () => {
  const error = refusal(unchecked());
  expect(error.position).toEqual(positionOf(FIXTURE, MISTAKE, "masked"));
  expect(error.reason).toContain("invalid access to packet");
  const [summary, line, mark] = error.message.split("\n");
  expect(summary).toContain(`loading program "unchecked": ${placeOf(FIXTURE, MISTAKE, "masked")}: invalid access`);
  expect(line).toContain(`const item = ${MISTAKE};`);
  expect(mark?.indexOf("^")).toBe(line?.indexOf("masked"));
});

test("in a global function, which the kernel verifies on its own, likewise", () => {
  const error = refusal(uncheckedGlobal());
  expect(error.position).toEqual(positionOf(FIXTURE, "items.masked(kind.toU32())", "masked"));
  expect(error.reason).toContain("invalid access to packet");
});

test("the verifier's own log quotes the TypeScript lines", () => {
  const { line } = positionOf(FIXTURE, MISTAKE);
  const { log } = refusal(unchecked());
  expect(log).toContain("const header = packet.read(Header).orPass();");
  // Before Linux 6.5 the log quotes lines without saying where they are.
  expect(log).toMatch(
    new RegExp(`; const item = header\\.items\\.masked\\(header\\.kind\\);( @ positions-fixture\\.ts:${line})?`),
  );
});

test("bpftool prog dump xlated linum shows our lines", (context) => {
  const { error } = spawnSync("bpftool", ["version"]);
  if (error !== undefined) context.skip(`bpftool does not run: ${error.message}`);
  const dump = withLoaded(correct(), ({ id }) =>
    execFileSync("bpftool", ["prog", "dump", "xlated", "id", String(id), "linum"], { encoding: "utf8" }),
  );
  const source = readFileSync(fileURLToPath(FIXTURE), "utf8").split("\n");
  for (const snippet of ["packet.read(Header).orPass();\n", "word.value = word.value", "return verdict(twice("]) {
    const line = source.findIndex((text) => text.includes(snippet.trim())) + 1;
    expect(dump).toContain(
      `; ${source[line - 1]?.trim()} [file:ebpf/test/dsl/positions-fixture.ts line_num:${line} line_col:`,
    );
  }
});
