// The fast reader gives the tree that the whole one gives, place by place, or none at all: for files as people write
// them, and for the same with something changed anywhere.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readPlain } from "./read-plain.ts";
import { readAny } from "./read-yaml.ts";
import { Source } from "./source.ts";

const sample = `# a comment
director:
  interfaces: [eth0, "eth1"]   # another
  connections: { maximum: 100000 }

services:
  web:
    address: 198.51.100.10
    port: 80-90
    caps:
    persistence: { timeout: 5m, netmask: 24 }
    onePacket: true
    check: { http: { path: /health, body: 'all fine' } }
    servers:
      - { address: 10.0.0.11, weight: 2 }
      - { address: fd00:10::11, port: 8080 }
      - address: 10.0.0.13
        # one more
        weight: 0
  dns:
    prefixes: []
    servers:
    - {}
    - 10.0.0.0/8
    -   name: a long word, with signs (of some kinds)
        url: http://a.example/b?c=d
`;

/** Both trees; the whole reader must find nothing wrong with what the fast one can read. */
function assertSame(text: string): "read" | "left" {
  const plain = readPlain(text);
  if (plain === undefined) return "left";
  const source = new Source(text, "file.yaml");
  const whole = readAny(source);
  expect(source.faults, text).toEqual([]);
  expect(plain, text).toEqual(whole);
  return "read";
}

/** What it may be that stands at a place. */
const scraps = [
  ...[" ", "  ", "\n", "\n  ", "\n    ", ": ", ":", ",", "- ", "-", "#", " # x", "{", "}", "[", "]", '"', "'", "''"],
  ...[
    "a",
    "0",
    "07",
    "1e3",
    "1.5",
    "0x1f",
    "~",
    "null",
    "Null",
    "true",
    "True",
    "yes",
    "NaN",
    ".inf",
    "&a",
    "*a",
    "!!s",
  ],
  ...[
    "---",
    "...",
    "%",
    "@",
    "`",
    "|",
    ">",
    "?",
    "? ",
    "<<",
    "<<: ",
    "\t",
    "\r",
    "\u0085",
    "é",
    "\\",
    "\\n",
    "::1",
    "a:b",
  ],
  ...["2001-01-01", "1:2", "12:30:45", "1_000", "+1", "-1", "=", "a: b", "- a", "__proto__: 1", "web: 1"],
];

describe("the fast reader", () => {
  test("reads what people write", () => {
    expect(assertSame(sample)).toBe("read");
  });

  test.each([
    ["an anchor", "a: &x 1\nb: *x\n"],
    ["a text of several lines", "a: one\n  two\n"],
    ["a text with escapes", 'a: "\\n"\n'],
    ["a number that is not whole", "a: 1.5\n"],
    ["a key twice", "a: 1\na: 2\n"],
    ["two documents", "a: 1\n---\nb: 1\n"],
    ["nothing", "a: null\n"],
    ["an empty file", "# nothing\n"],
    ["tabs", "a:\t1\n"],
  ])("leaves %s to the whole one", (_, text) => {
    expect(readPlain(text)).toBeUndefined();
  });

  test("gives the same tree or none, whatever is put in or taken out", () => {
    const change = fc.record({
      at: fc.nat(sample.length),
      length: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(40)),
      put: fc.oneof(fc.constantFrom(...scraps), fc.constant(""), fc.string({ maxLength: 3 })),
    });
    const counts = { read: 0, left: 0 };
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        let text = sample;
        for (const { at, length, put } of changes) text = text.slice(0, at) + put + text.slice(at + length);
        counts[assertSame(text)] += 1;
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(counts.read, counts.left)).toBeGreaterThan(100);
  });

  test("gives the same tree for whatever is built of its parts", () => {
    const word = fc.constantFrom(
      "eth0",
      "10.0.0.1",
      "5m",
      "80",
      "true",
      '"a b"',
      "'c'",
      "fd00::1",
      "a b",
      "x/y",
      "1-2",
    );
    const { value } = fc.letrec<{ value: Part }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        word.map((text): Part => ({ kind: "word", text })),
        fc.array(tie("value"), { maxLength: 4 }).map((items): Part => ({ kind: "list", items })),
        fc
          .dictionary(fc.constantFrom("a", "address", "port-1", "x_y", "Z9"), tie("value"), { maxKeys: 4 })
          .map((entries): Part => ({ kind: "map", entries })),
      ),
    }));
    const root = fc.dictionary(fc.constantFrom("director", "services", "more"), value, { minKeys: 1 });
    fc.assert(
      fc.property(root, (entries) => {
        expect(assertSame(blockOf({ kind: "map", entries }, 0))).toBe("read");
      }),
      { numRuns: 500 },
    );
  });
});

type Part =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Part[] }
  | { readonly kind: "map"; readonly entries: Readonly<Record<string, Part>> };

/** Written by indentation, down to the second level; deeper things in brackets. */
function blockOf(part: Part, indent: number): string {
  const start = " ".repeat(indent);
  if (part.kind === "word") return `${start}${part.text}\n`;
  const isBrackets = indent > 4;
  const inner = (one: Part) => (isEmpty(one) || isBrackets || one.kind === "word" ? ` ${flowOf(one)}\n` : undefined);
  if (part.kind === "list") return part.items.map((item) => `${start}- ${flowOf(item)}\n`).join("");
  const entries = Object.entries(part.entries);
  return entries.map(([key, one]) => `${start}${key}:${inner(one) ?? `\n${blockOf(one, indent + 2)}`}`).join("");
}

function isEmpty(part: Part): boolean {
  return part.kind === "list" ? part.items.length === 0 : part.kind === "map" && Object.keys(part.entries).length === 0;
}

function flowOf(part: Part): string {
  if (part.kind === "word") return part.text;
  if (part.kind === "list") return `[${part.items.map(flowOf).join(", ")}]`;
  const entries = Object.entries(part.entries).map(([key, one]) => `${key}: ${flowOf(one)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}
