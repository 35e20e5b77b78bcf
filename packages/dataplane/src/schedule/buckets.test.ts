// The tables of sh and dh, and the buckets of the shared behaviour reference §3.

import { describe, expect, test } from "vitest";
import { membersOf } from "../../test/schedule/members.ts";
import { bucketOf } from "./buckets.ts";
import { destinationHashTable } from "./destination-hash.ts";
import { NO_DESTINATION } from "./scheduler.ts";
import { sourceHashTable } from "./source-hash.ts";

const letters = (table: Uint32Array, count: number) =>
  [...table.subarray(0, count)].map((index) => "ABCDEFGH"[index] ?? "-").join("");

test.each([
  ["192.0.2.7", 0xc000_0207, 125],
  ["10.1.1.7", 0x0a01_0107, 193],
  ["10.1.1.7 + port 40001", 0x0a01_0107 + 40_001, 199],
  ["2001:db8::1, folded", 0x2001_0db9, 63],
  ["fd00:9::7 + port 53000, folded", 0xfd00_000e + 53_000, 182],
])("the bucket of %s", (_what, key, bucket) => {
  expect(bucketOf(key)).toBe(bucket);
});

describe("sh's table", () => {
  const of = (...weights: number[]) => sourceHashTable(membersOf(weights));

  test("gives each its weight in buckets, in list order, round and round", () => {
    expect(letters(of(1, 2, 3), 12)).toBe("ABBCCCABBCCC");
    expect(of(1, 2, 3).length).toBe(256);
  });

  test("leaves those of weight 0 one bucket a round", () => {
    expect(letters(of(1, 2, 0), 9)).toBe("ABBCABBCA");
    expect(letters(of(0, 0), 4)).toBe("ABAB");
  });

  test("has no room for others beside a weight of 256", () => {
    expect(new Set(of(300, 1))).toEqual(new Set([0]));
  });

  test("names nobody where there is nobody", () => {
    expect(new Set(of())).toEqual(new Set([NO_DESTINATION]));
  });
});

test("dh's table goes round the list, whatever the weights", () => {
  expect(letters(destinationHashTable(membersOf([7, 0, 1])), 7)).toBe("ABCABCA");
  expect(destinationHashTable(membersOf([7, 0, 1])).length).toBe(256);
  expect(new Set(destinationHashTable([]))).toEqual(new Set([NO_DESTINATION]));
});
