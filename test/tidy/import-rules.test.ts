// Each import rule on a small repository that breaks it, and on one that does not.
import { expect, test } from "vitest";
import * as rules from "./import-rules.ts";
import type { Rule, SourceFile } from "./source.ts";

const { importsOf, ...graphRules } = rules;

function files(contents: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(contents).map(([path, text]) => ({ path, text }));
}

interface Sample {
  readonly rule: Rule;
  readonly bad: Readonly<Record<string, string>>;
  readonly good: Readonly<Record<string, string>>;
}

/** One file that imports one module. */
function importing(path: string, specifier: string): Readonly<Record<string, string>> {
  return { [path]: `import { a } from "${specifier}";\n` };
}

const MANIFEST = { "packages/lab/package.json": '{ "name": "@yardmaster/lab", "dependencies": { "zod": "1" } }' };

const SAMPLES: readonly Sample[] = [
  {
    rule: rules.packageDirection,
    bad: importing("packages/dataplane/src/a.ts", "@yardmaster/director"),
    good: importing("packages/director/src/a.ts", "@yardmaster/dataplane"),
  },
  {
    rule: rules.packageDirection,
    bad: importing("packages/dataplane/src/a.ts", "@yardmaster/packet"),
    good: importing("packages/dataplane/src/a.test.ts", "@yardmaster/packet"),
  },
  {
    rule: rules.packageDirection,
    bad: importing("packages/unheard-of/src/a.ts", "@yardmaster/ebpf"),
    good: importing("test/e2e/a.ts", "yardmaster"),
  },
  {
    rule: rules.pureCompiler,
    bad: importing("packages/ebpf/src/dsl/a.ts", "../kernel/map.ts"),
    good: importing("packages/ebpf/src/kernel/a.ts", "@yardmaster/linux"),
  },
  {
    rule: rules.pureCompiler,
    bad: importing("packages/ebpf/src/compile.ts", "@yardmaster/linux"),
    good: importing("packages/ebpf/src/compile.ts", "./ir/lower.ts"),
  },
  {
    rule: rules.pureCompiler,
    bad: importing("packages/dataplane/src/a.ts", "@yardmaster/ebpf/kernel"),
    good: importing("packages/dataplane/src/a.kernel.test.ts", "@yardmaster/ebpf/kernel"),
  },
  {
    rule: rules.ebpfLayers,
    bad: importing("packages/ebpf/src/asm/a.ts", "../ir/value.ts"),
    good: importing("packages/ebpf/src/dsl/a.ts", "../ir/value.ts"),
  },
  {
    rule: rules.ebpfLayers,
    bad: importing("packages/ebpf/src/extra/a.ts", "../ir/value.ts"),
    good: importing("packages/ebpf/src/asm/a.ts", "../spec.ts"),
  },
  {
    rule: rules.packageBoundary,
    bad: importing("packages/lab/src/a.ts", "../../packet/src/ipv4.ts"),
    good: importing("packages/lab/src/a.ts", "../src/b.ts"),
  },
  {
    rule: rules.packageBoundary,
    bad: importing("test/e2e/a.ts", "../../packages/lab/src/a.ts"),
    good: importing("test/e2e/a.ts", "@yardmaster/lab"),
  },
  {
    rule: rules.foreignFunctions,
    bad: importing("packages/linux/src/errno.ts", "koffi"),
    good: importing("packages/linux/src/ffi.ts", "koffi"),
  },
  {
    rule: rules.declaredDependencies,
    bad: { ...MANIFEST, ...importing("packages/lab/src/a.ts", "yaml") },
    good: { ...MANIFEST, ...importing("packages/lab/src/a.ts", "zod/mini") },
  },
  {
    rule: rules.importCycles,
    bad: { "a.ts": 'import "./b.ts";', "b.ts": 'import "./c.ts";', "c.ts": 'export * from "./a.ts";' },
    good: {
      "a.ts": 'import "./b.ts";\nimport "./c.ts";',
      "b.ts": 'import "./c.ts";',
      "c.ts": 'import type { A } from "./a.ts";',
    },
  },
  {
    rule: rules.deadFiles,
    bad: { "packages/a/src/dead.ts": "", "README.md": "see dead.ts" },
    good: { "a.test.ts": 'import "./b.ts";\nspawn("node", ["worker.ts"]);', "b.ts": "", "worker.ts": "" },
  },
];

test.each(SAMPLES.map((sample) => [Object.keys(sample.bad).join(", "), sample] as const))(
  "catches %s",
  (_title, sample) => {
    expect(sample.rule(files(sample.bad))).toHaveLength(1);
    expect(sample.rule(files(sample.good))).toEqual([]);
  },
);

test("every rule has a sample", () => {
  const sampled = new Set(SAMPLES.map(({ rule }) => rule));
  expect(Object.entries(graphRules).filter(([, rule]) => !sampled.has(rule))).toEqual([]);
});

test("importsOf reads every form of import, and neither comments nor strings", () => {
  const text = [
    'import { a, type B } from "./one.ts"; // import "./no.ts"',
    'import type { C } from "./two.ts";',
    "export {",
    "  d,",
    '} from "./three.ts";',
    'export * from "./four.ts";',
    'const e = await import("./five.ts");',
    'import "./six.ts";',
    "const text = `import './no.ts'`;",
  ].join("\n");
  expect(importsOf(text)).toEqual([
    { specifier: "./one.ts", line: 1, isType: false },
    { specifier: "./two.ts", line: 2, isType: true },
    { specifier: "./three.ts", line: 3, isType: false },
    { specifier: "./four.ts", line: 6, isType: false },
    { specifier: "./five.ts", line: 7, isType: false },
    { specifier: "./six.ts", line: 8, isType: false },
  ]);
});

test("a cycle is told as the way around", () => {
  const [finding] = rules.importCycles(files({ "a.ts": 'import "./b.ts";', "b.ts": 'import "./a.ts";' }));
  expect(finding?.message).toBe("import cycle: a.ts → b.ts → a.ts");
});
