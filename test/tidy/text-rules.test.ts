// Each text rule on a sample it must catch and on one it must leave alone: a check that cannot fail checks nothing.
import { expect, test } from "vitest";
import type { Rule } from "./source.ts";
import * as rules from "./text-rules.ts";

interface Sample {
  readonly rule: Rule;
  readonly bad: string;
  readonly good: string;
  readonly path?: string;
}

const head = "// A sample.\n";

const SAMPLES: readonly Sample[] = [
  { rule: rules.fileLength, bad: "a\n".repeat(501), good: "a\n".repeat(500) },
  { rule: rules.lineLength, bad: "x".repeat(121), good: "x".repeat(120) },
  { rule: rules.lineLength, bad: `const a = "${"x".repeat(120)}";`, good: `"${"x".repeat(120)}",`, path: "test/a.ts" },
  { rule: rules.trailingSpace, bad: "a \nb\n", good: "a\n b\n" },
  { rule: rules.trailingSpace, bad: "a\r\n", good: "a\n" },
  { rule: rules.finalNewline, bad: "a", good: "a\n" },
  { rule: rules.topComment, bad: "export {};\n", good: `${head}export {};\n` },
  { rule: rules.topComment, bad: `${head.repeat(7)}export {};\n`, good: `#!/bin/x\n${head.repeat(6)}export {};\n` },
  { rule: rules.topComment, bad: `/*\n${"*\n".repeat(6)}*/\n`, good: "/** A sample. */\nexport {};\n" },
  { rule: rules.fileName, bad: "", good: "", path: "packages/a/src/camelCase.ts" },
  { rule: rules.bannedConstructs, bad: "export default 1;", good: 'const text = "export default 1";' },
  { rule: rules.bannedConstructs, bad: "export const enum Color { Red }", good: "// enum Color" },
  { rule: rules.bannedConstructs, bad: "declare namespace A {}", good: "const namespace = a;" },
  { rule: rules.bannedConstructs, bad: "const a: any = b;", good: "const a: unknown = any(b);" },
  { rule: rules.bannedConstructs, bad: "f(a as any);", good: "f(`as any`);" },
  { rule: rules.silencedCompiler, bad: `// @ts-${"ignore"}`, good: "// @ts-expect-error a string is no number" },
  { rule: rules.consoleOutput, bad: "console.log(1);", good: "// console.log(1)", path: "packages/ebpf/src/a.ts" },
  { rule: rules.focusedTests, bad: 'test.only("a", f);', good: 'test("a", f);', path: "test/a.test.ts" },
  { rule: rules.focusedTests, bad: 'describe.skip("a", f);', good: 'context.skip("no root");', path: "test/a.test.ts" },
  { rule: rules.focusedTests, bad: "context.skip();", good: "iterator.skip(1);", path: "test/a.test.ts" },
  { rule: rules.bannedWords, bad: `// ${"TO"}${"DO"}: later`, good: "// todos" },
  { rule: rules.bannedWords, bad: `see ${"issue"} #12`, good: "error.issues" },
  { rule: rules.bannedWords, bad: `the ${"next"} session`, good: "session affinity" },
  { rule: rules.bannedWords, bad: `written by ${"A"}${"I"}`, good: "AIMD, aim" },
  { rule: rules.registryHosts, bad: `https://registry.${"npmjs"}.org/`, good: "npm ci" },
];

test.each(SAMPLES.map((sample) => [sample.bad.slice(0, 40), sample] as const))("catches %j", (_title, sample) => {
  const { rule, bad, good, path = "packages/a/src/a.ts" } = sample;
  expect(rule([{ path, text: bad }])).toHaveLength(1);
  if (good !== bad) expect(rule([{ path, text: good }])).toEqual([]);
});

test("every rule has a sample", () => {
  const sampled = new Set(SAMPLES.map(({ rule }) => rule));
  expect(Object.entries(rules).filter(([, rule]) => !sampled.has(rule))).toEqual([]);
});

test("a library may not print, a program may", () => {
  const text = "console.log(1);\n";
  expect(rules.consoleOutput([{ path: "packages/cli/src/a.ts", text }])).toEqual([]);
  expect(rules.consoleOutput([{ path: "packages/director/src/a.ts", text }])).toEqual([
    { path: "packages/director/src/a.ts", line: 1, message: "console output in a library: return or throw instead" },
  ]);
});
