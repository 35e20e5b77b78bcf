// What is kept with pinned maps, cut off, changed, of another version or made up: either it is understood, and then it
// is safe to go by, or it is said what is wrong with it.

import { balancerMaps } from "@yardmaster/dataplane";
import { converter, type Layout, sizeOfLayout } from "@yardmaster/ebpf";
import { macBytes } from "@yardmaster/packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configuration, directorMac, fourServices } from "../../test/sample.ts";
import { plan } from "../plan/plan.ts";
import { parseDescription } from "./description.ts";
import { describeMaps, type MapDescription } from "./former-maps.ts";

const { shape } = plan(configuration(fourServices), [macBytes(directorMac)]);
const definitions = balancerMaps(shape);
const made = { definitions, live: undefined as never, byName: new Map() };
const genuine = JSON.stringify(describeMaps(made, "1.2.3"));
const ours = new Map(describeMaps(made, "1.2.3").maps.map((map) => [map.name, map]));

function parse(text: string) {
  return parseDescription(new TextEncoder().encode(text));
}

/** Parses it; what is understood must do for everything that is done with it. */
function tryToUse(content: Uint8Array): void {
  let description: ReturnType<typeof parseDescription>;
  try {
    description = parseDescription(content);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).not.toMatch(/call stack|is not a function|Cannot read/);
    return;
  }
  expect(new Set(description.maps.map(({ name }) => name)).size).toBe(description.maps.length);
  for (const map of description.maps) use(map);
}

function use(map: MapDescription): void {
  for (const part of ["key", "value"] as const) {
    const known = ours.get(map.name)?.[part];
    const convert = known && converter(map[part], known);
    if (known === undefined || convert === undefined || sizeOfLayout(map[part]) > 1 << 20) continue;
    expect(convert(new Uint8Array(sizeOfLayout(map[part]))).length).toBe(sizeOfLayout(known));
  }
}

describe("parseDescription", () => {
  it("understands what a director writes", () => {
    const { version, maps, reasons } = parse(genuine);
    expect(version).toBe("1.2.3");
    expect(maps.map(({ name }) => name)).toEqual([...ours.keys()]);
    expect(reasons.length).toBeGreaterThan(10);
  });

  it("refuses or understands any bytes, and such that begin well", () => {
    const begun = fc.tuple(fc.nat(genuine.length), fc.uint8Array({ maxLength: 40 })).map(([length, rest]) => {
      return Buffer.concat([Buffer.from(genuine.slice(0, length)), rest]);
    });
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), begun), tryToUse), { numRuns: 300 });
  });

  it("refuses or understands a description of which one value is another", () => {
    const strange = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(-1, 0.5, 1e300, 2 ** 31, 2 ** 32, 2 ** 32 + 1, "", "../x", null, [], {}),
    );
    fc.assert(
      fc.property(fc.nat(), strange, (place, value) => {
        const text = JSON.stringify(withValueAt(JSON.parse(genuine), place, value));
        tryToUse(new TextEncoder().encode(text));
      }),
      { numRuns: 300 },
    );
  });

  it("refuses or understands layouts of any make", () => {
    const { layout } = fc.letrec<{ layout: Layout }>((tie) => ({
      layout: fc.oneof(
        { depthSize: "small" },
        fc.record({
          kind: fc.constant("scalar" as const),
          type: fc.constantFrom("u8", "u32", "be16"),
          size: fc.nat(8),
        }),
        fc.record({
          kind: fc.constant("list" as const),
          length: fc.nat(9),
          stride: fc.nat(64),
          element: tie("layout"),
        }),
        fc.record({
          kind: fc.constant("struct" as const),
          size: fc.nat(128),
          fields: fc.array(
            fc.record({
              name: fc.constantFrom("life", "destination", "connections", "address"),
              offset: fc.nat(130),
              layout: tie("layout"),
            }),
            { maxLength: 4 },
          ),
        }),
      ),
    }));
    fc.assert(
      fc.property(layout, fc.constantFrom(...ours.keys()), fc.constantFrom("key", "value"), (one, name, part) => {
        const description = JSON.parse(genuine) as { maps: Record<string, unknown>[] };
        const map = description.maps.find((each) => each["name"] === name);
        if (map !== undefined) map[part] = one;
        tryToUse(new TextEncoder().encode(JSON.stringify(description)));
      }),
      { numRuns: 300 },
    );
  });

  const parsed = JSON.parse(genuine) as { readonly maps: readonly unknown[] };
  const twice = JSON.stringify({ ...parsed, maps: [...parsed.maps, parsed.maps[0]] });
  const nested = (depth: number) =>
    `${'{"kind":"list","length":1,"stride":4,"element":'.repeat(depth)}1${"}".repeat(depth)}`;
  it.each<[string, string, string | RegExp]>([
    ["that is cut off", genuine.slice(0, -1), "it is no JSON text"],
    ["of zeros", "\0".repeat(100), "it is no JSON text"],
    ["of a newer format", '{"format":2,"version":"9.0.0"}', "it has format 2 and was written by version 9.0.0"],
    ["of a newer format by nobody", '{"format":7,"version":"\\u001b[2J"}', "it has format 7; this version"],
    ["nested 100,000 times", "[".repeat(100_000) + "]".repeat(100_000), /nested too deeply|no JSON text/],
    ["with a layout nested 10,000 times", genuine.replace('"key":', `"key":${nested(10_000)},"was":`), "nested"],
    ["that tells of one map twice", twice, "described twice"],
    ["without a map that all have", genuine.replace('"name":"loads"', '"name":"lode"'), "not all of these maps"],
    ["whose parts lie outside", genuine.replace(/"offset":\d+/, '"offset":4000000'), "not within each other"],
    ["with a map of another name", genuine.replace('"name":"loads"', '"name":"../loads"'), "maps."],
  ])("says what is wrong with a description %s", (_, text, why) => {
    expect(() => parse(text)).toThrow(why);
  });
});

/** A JSON value in which the `place`-th value, counted round, is another. */
function withValueAt(root: unknown, place: number, value: unknown): unknown {
  const places: [Record<string, unknown>, string][] = [];
  const visit = (one: unknown): void => {
    if (typeof one !== "object" || one === null) return;
    for (const key of Object.keys(one)) {
      places.push([one as Record<string, unknown>, key]);
      visit((one as Record<string, unknown>)[key]);
    }
  };
  visit(root);
  const [owner, key] = places[place % places.length] ?? [{}, ""];
  owner[key] = value;
  return root;
}
