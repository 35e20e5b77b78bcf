// mh's tables: those of the kernel, and how few clients they move.

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memberOf, membersOf } from "../../test/schedule/members.ts";
import { maglevSizes, maglevTable } from "./maglev-hash.ts";
import { type ListedMember, NO_DESTINATION } from "./scheduler.ts";

/** 10.2.0.11, .12 and .13, added in this order: the newest comes first. */
const added = (...weights: number[]): ListedMember[] => membersOf(weights).reverse();

function counts(table: Uint32Array, members: number): number[] {
  const slots = new Array<number>(members).fill(0);
  for (const index of table) slots[index] = (slots[index] ?? 0) + 1;
  return slots;
}

describe("the kernel's tables", () => {
  test.each([
    [
      [1, 1, 1],
      [1364, 1364, 1365],
    ],
    [
      [1, 2, 3],
      [682, 1364, 2047],
    ],
    [
      [640, 37, 1],
      [3805, 192, 96],
    ],
  ])("weights %j take so many slots", (weights, slots) => {
    expect(counts(maglevTable(added(...weights)), 3)).toEqual(slots);
  });

  test.each([
    [[1, 1, 1], "c4c41447b04dfd039a67e8fb60b8e74422370e22487edf004b824e0d209839ab"],
    [[1, 2, 3], "1eaa9e0c3280346ffd6e58ab077269837b0c7fd5eeaba67ffc86dd98e4a06e58"],
  ])("weights %j, slot by slot", (weights, sum) => {
    const lastBytes = Uint8Array.from(maglevTable(added(...weights)), (index) => 11 + index);
    expect(createHash("sha256").update(lastBytes).digest("hex")).toBe(sum);
  });

  test("those that begin at 1475, 1266 and 2964 have those slots", () => {
    const table = maglevTable(added(1, 1, 1));
    expect([table[1475], table[1266], table[2964]]).toEqual([0, 1, 2]);
  });

  test("whoever is quiesced keeps its slots, whoever never had a weight has none", () => {
    const quiesced = added(1, 1, 1).map((member) => ({ ...member, weight: 0 }));
    expect(maglevTable(quiesced)).toEqual(maglevTable(added(1, 1, 1)));
    expect(new Set(maglevTable([memberOf(0, 0), memberOf(1, 1)]))).toEqual(new Set([1]));
    expect(new Set(maglevTable([memberOf(0, 0)]))).toEqual(new Set([NO_DESTINATION]));
    expect(new Set(maglevTable([]))).toEqual(new Set([NO_DESTINATION]));
  });

  test("two servers of one address and port share the slots", () => {
    const twin = { ...memberOf(1), addressFold: memberOf(0).addressFold };
    expect(counts(maglevTable([memberOf(0), twin]), 2)).toEqual([2047, 2046]);
  });
});

describe("one of several servers of equal weight leaves", () => {
  /** Share of the slots that change hands when the member at `leaver` goes. */
  function moved(members: readonly ListedMember[], leaver: number, slots: number): number {
    const before = maglevTable(members, slots);
    const after = maglevTable(
      members.filter((_, at) => at !== leaver),
      slots,
    );
    return before.reduce((sum, index, slot) => (index === after[slot] ? sum : sum + 1), 0) / slots;
  }
  const addresses = (servers: number) =>
    fc.uniqueArray(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: servers, maxLength: servers });

  test.each(maglevSizes)("$slots slots for $servers servers: 1.1 times its share moves on average", (size) => {
    const { slots, servers } = size;
    const lists = fc.sample(fc.tuple(addresses(servers), fc.nat(servers - 1)), Math.ceil(2_000_000 / slots));
    const shares = lists.map(([folds, leaver]) => {
      const members = folds.map((addressFold, at) => ({ ...memberOf(at), addressFold }));
      return moved(members, leaver, slots);
    });
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    expect(mean).toBeGreaterThanOrEqual(0.9 / servers);
    expect(mean).toBeLessThanOrEqual(1.1 / servers);
  });

  test("whoever stays keeps nearly all clients", () => {
    const property = fc.property(addresses(10), fc.nat(9), (folds, leaver) => {
      const members = folds.map((addressFold, at) => ({ ...memberOf(at), addressFold }));
      expect(moved(members, leaver, 65_537)).toBeLessThan(1.25 / 10);
    });
    fc.assert(property, { numRuns: 20 });
  });
});

test("slots are shared by weight, to a slot of each round", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 12 });
  const property = fc.property(weights, (list) => {
    const total = list.reduce((sum, weight) => sum + weight, 0);
    counts(maglevTable(membersOf(list)), list.length).forEach((slots, at) => {
      const weight = list[at] ?? 0;
      expect(Math.abs(slots - (4093 * weight) / total)).toBeLessThanOrEqual(weight + 1);
    });
  });
  fc.assert(property, { numRuns: 50 });
});
