// Copies of tables that are in use: whatever comes, changes and goes in the original until it is left, and in the copy
// from when packets come to it.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyHash } from "./copy.ts";
import { Fingerprints } from "./fingerprints.ts";

type Content = ReadonlyMap<number, number>;

/** A table of 16-bit keys and values as bytes. */
function tableOf(content: Content, width: 2 | 4) {
  const host = createMemoryHost();
  const raw = { size: width, encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes.slice() };
  const map = host.createMap({ name: "table", type: "hash", key: raw, value: raw, maxEntries: 256, flags: 0 });
  map.updateBatch([...content].map(([key, value]) => [bytesOf(key, width), bytesOf(value, width)] as const));
  return map;
}

function bytesOf(value: number, width: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer).slice(0, width);
}

function numberOf(bytes: Uint8Array): number {
  return bytes.reduceRight((all, byte) => all * 256 + byte, 0);
}

const content = fc
  .array(fc.tuple(fc.nat(40), fc.nat(5)), { maxLength: 30 })
  .map((entries): Content => new Map(entries));

describe("copyHash", () => {
  it.each([2, 4] as const)("ends with what packets left last, in either table; keys of %d bytes", (width) => {
    fc.assert(
      fc.property(content, content, content, fc.array(fc.nat(40)), (before, after, made, ended) => {
        const from = tableOf(before, 2);
        const to = tableOf(new Map(), width);
        const widen = width === 2 ? undefined : (bytes: Uint8Array) => bytesOf(numberOf(bytes), 4);
        const copy = copyHash(from, to, { keys: widen, values: widen });
        expect(contentOf(to)).toEqual(sorted(before));
        // The former program goes on, then the new one begins.
        for (const key of before.keys()) if (!after.has(key)) from.delete(bytesOf(key, 2));
        for (const [key, value] of after) from.update(bytesOf(key, 2), bytesOf(value, 2));
        for (const [key, value] of made) to.update(bytesOf(key, width), bytesOf(value, width));
        for (const key of ended) to.delete(bytesOf(key, width));
        const [known, touched] = [new Map(contentOf(to)), new Set([...made.keys(), ...ended])];
        copy.finish();
        const wanted = new Map(known);
        for (const key of new Set([...before.keys(), ...after.keys()])) {
          // Where the new program left things as they had been copied, the former's last word counts.
          if (touched.has(key) && known.get(key) !== before.get(key)) continue;
          const last = after.get(key);
          if (last === undefined) wanted.delete(key);
          else if (before.has(key) === known.has(key)) wanted.set(key, last);
        }
        expect(contentOf(to)).toEqual(sorted(wanted));
      }),
    );
  });

  function contentOf(map: ReturnType<typeof tableOf>) {
    return sorted(new Map([...map.entries()].map(([key, value]) => [numberOf(key), numberOf(value)])));
  }
  function sorted(entries: Content): readonly (readonly [number, number])[] {
    return [...entries].toSorted(([a], [b]) => a - b);
  }
});

describe("Fingerprints", () => {
  it("tells 100,000 entries from each other, and those that were met from those that were not", () => {
    const count = 100_000;
    const prints = new Fingerprints({ key: { size: 6 }, value: { size: 5 } });
    const batch = { count, keys: new Uint8Array(6 * count), values: new Uint8Array(5 * count) };
    for (let at = 0; at < count; at++) {
      new DataView(batch.keys.buffer).setUint32(6 * at + 1, at);
      batch.values[5 * at + 4] = at;
      prints.note(batch, at);
    }
    expect(prints.left).toBe(count);
    prints.note(batch, 7);
    expect(prints.left).toBe(count);
    for (let at = 0; at < count; at += 2) expect(prints.meet(batch, at)).toBe(prints.ofValue(batch.values, at));
    expect(prints.meet(batch, 0)).toBe(prints.ofValue(batch.values, 0));
    expect(prints.left).toBe(count / 2);
    expect([prints.ofLeft(batch, 0), prints.ofLeft(batch, 1)]).toEqual([undefined, prints.ofValue(batch.values, 1)]);
    const prints256 = new Set(Array.from({ length: 256 }, (_, at) => prints.ofValue(batch.values, at)));
    expect(prints256.size).toBe(256);
    const strange = { count: 1, keys: Uint8Array.of(1, 0, 0, 0, 0, 0), values: new Uint8Array(5) };
    expect([prints.meet(strange, 0), prints.ofLeft(strange, 0)]).toEqual([undefined, undefined]);
  });
});
