// wrr: how a service begins, what events do to its level, what it costs where nobody can be chosen, and where its
// position and its weights do not belong together: between the control plane's writes.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describe, expect, test } from "vitest";
import { Balancer } from "../../test/harness.ts";
import { arriving, clientAddress, tcpFrame, vip } from "../../test/packets/scenario.ts";
import { Asker } from "../../test/schedule/asker.ts";
import { memberOf, membersOf } from "../../test/schedule/members.ts";
import type { ListedMember } from "./scheduler.ts";
import { weightedRoundRobin } from "./weighted-round-robin.ts";

const letters = (asker: Asker, count: number) =>
  Array.from({ length: count }, () => "ABCDEFGH"[asker.ask() ?? 99] ?? "-").join("");

/** The steady sequences of the shared behaviour reference §3. */
const firstPicks = [
  [[1, 1], "BABA"],
  [[1, 2, 3], "CBACCB" + "CBACCB"],
  [[5, 1, 1], "CBAAAAA" + "CBAAAAA"],
  [[4, 2], "BAA" + "BAA"],
  [[10, 0, 3], "CAAAAAAAACACA" + "CAAAAAAAACACA"],
  [[7, 5, 3, 2], "DCBAAABABACBADCBA" + "DCBAAABABACBADCBA"],
] as const;

describe("a service whose servers are added one by one", () => {
  test.each(firstPicks)("weights %j begin with %s", (weights, picks) => {
    using asker = new Asker(createMemoryHost(), { scheduler: "wrr" });
    let list: ListedMember[] = [];
    for (const [index, weight] of weights.entries()) {
      list = [memberOf(index, weight), ...list];
      asker.change(list);
    }
    expect(letters(asker, picks.length)).toBe(picks);
  });

  test("with weights that only the first has begins at the top", () => {
    const moved = (level: bigint, weights: readonly number[]) =>
      weightedRoundRobin.moved?.((level << 32n) | 2n, { before: [], after: membersOf(weights) });
    expect(moved(0n, [])).toBe(0n);
    expect(moved(0n, [6, 4])).toBe(5n << 32n);
    // Levels above all of them start again, others become one that the weights have.
    expect(moved(9n, [6, 4])).toBe(5n << 32n);
    expect(moved(4n, [6, 4])).toBe(5n << 32n);
    expect(moved(2n, [6, 4])).toBe(3n << 32n);
    expect(moved(1n, [6, 4])).toBe(1n << 32n);
    expect(moved(4n, [6, 5])).toBe(4n << 32n);
    expect(moved(4n, [0, 0])).toBe(0n);
  });
});

describe("where nobody can be chosen", () => {
  /** Far less than one instruction for each of 65,535 levels. */
  const host = () => createMemoryHost({ instructionLimit: 1_000 });
  const overload = (asker: Asker, ...indexes: number[]) => {
    for (const index of indexes) asker.setLoad(index, { active: 0, inactive: 0, isOverloaded: true });
  };
  const state = ({ position }: Asker) => ({ current: Number(position & 0xffff_ffffn), level: Number(position >> 32n) });

  test("from the head it comes back to the head, on the highest level", () => {
    using asker = new Asker(host(), { scheduler: "wrr" });
    asker.start(membersOf([65_535, 65_534]));
    overload(asker, 0, 1);
    for (const level of [7n, 1n]) {
      asker.position = level << 32n;
      expect(asker.ask()).toBe(undefined);
      expect(state(asker)).toEqual({ current: 0, level: 65_535 });
    }
  });

  test("from within the list, too, unless it stood on the last level: then it stays there", () => {
    using asker = new Asker(host(), { scheduler: "wrr" });
    asker.start(membersOf([6, 4]));
    overload(asker, 0, 1);
    for (const [level, after] of [
      [5, { current: 0, level: 5 }],
      [3, { current: 0, level: 5 }],
      [1, { current: 1, level: 1 }],
    ] as const) {
      asker.position = (BigInt(level) << 32n) | 1n;
      expect(asker.ask()).toBe(undefined);
      expect(state(asker)).toEqual(after);
    }
  });

  test("of a heavy and a light one the light one is found without going down level by level", () => {
    using asker = new Asker(host(), { scheduler: "wrr" });
    asker.start(membersOf([65_535, 4]));
    overload(asker, 0);
    expect(asker.ask()).toBe(1);
    expect(state(asker)).toEqual({ current: 2, level: 4 });
  });
});

test("a level from before the weights fell does not refuse connections", () => {
  const destinations = [
    { address: "10.0.0.11", weight: 60_000 },
    { address: "10.0.0.12", weight: 59_999 },
  ];
  const service = { address: vip, port: 80, scheduler: "wrr", destinations } as const;
  using balancer = new Balancer(createMemoryHost(), { services: [service], clients: [clientAddress] });
  balancer.setWeights(0, [1, 2], { position: "keep" });
  for (let port = 1; port <= 6; port++) balancer.send(tcpFrame(arriving, {}, { sourcePort: port }));
  expect(balancer.verdicts()).toEqual({});
  expect(balancer.loads().map(({ scheduled }) => scheduled)).toEqual([2, 4]);
});

test("without any weight connections are refused with the reason, and counted", () => {
  const destinations = [
    { address: "10.0.0.11", weight: 0 },
    { address: "10.0.0.12", weight: 0 },
  ];
  const service = { address: vip, port: 80, scheduler: "wrr", destinations } as const;
  using balancer = new Balancer(createMemoryHost(), { services: [service], clients: [clientAddress] });
  expect(balancer.send(tcpFrame(arriving)).verdict).toBe("pass");
  expect(balancer.verdicts()).toEqual({ noDestination: 1 });
});
