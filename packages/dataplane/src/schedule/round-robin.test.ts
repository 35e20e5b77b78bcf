// Where rr stands when its list changes.

import { describe, expect, test } from "vitest";
import { membersOf } from "../../test/schedule/members.ts";
import { roundRobin } from "./round-robin.ts";
import type { ListedMember } from "./scheduler.ts";

const [a, b, c, d, e] = membersOf([1, 1, 1, 1, 1]) as [
  ListedMember,
  ListedMember,
  ListedMember,
  ListedMember,
  ListedMember,
];
const list = [a, b, c, d];

/** Whom the next round begins behind: a member, or the head. */
function standsAt(last: ListedMember | undefined, after: readonly ListedMember[]): ListedMember | undefined {
  const before = list;
  const position = roundRobin.moved?.(BigInt(last === undefined ? 0 : list.indexOf(last) + 1), { before, after });
  return after[Number(position) - 1];
}

describe("a change of the list", () => {
  test.each([
    ["somebody behind it leaves", b, [a, b, d], b],
    ["somebody before it leaves", c, [b, c, d], c],
    ["it leaves: the one before it", c, [a, b, d], b],
    ["it leaves, the first: the head", a, [b, c, d], undefined],
    ["the last leaves and it is the last", d, [a, b, c], c],
    ["all leave", c, [], undefined],
    ["somebody comes, to the front", b, [e, a, b, c, d], b],
    ["somebody comes while it is at the head", undefined, [e, a, b, c, d], undefined],
    ["it leaves and somebody comes", b, [e, a, c, d], a],
    ["weights change", c, list.map((member) => ({ ...member, weight: 7 })), { ...c, weight: 7 }],
    ["the order changes", c, [d, c, b, a], c],
  ])("%s", (_what, last, after, expected) => {
    expect(standsAt(last, after)).toEqual(expected);
  });
});
