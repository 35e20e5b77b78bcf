// What every scheduler must do, as tests over the registry, and what each one promises besides, in the
// tables of LVS's documented behaviour. Runs on any host, packets in and destinations out.

import type { BpfHost } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import { type SchedulerName, schedulers, sourceHashBucket, sourceHashTable } from "../src/index.ts";
import { Balancer } from "./harness.ts";
import { arriving, tcpFrame, udpFrame, vip } from "./packets/scenario.ts";
import type { BalancerPlan } from "./plan.ts";

const names = Object.keys(schedulers) as SchedulerName[];
const addressOf = (index: number) => `10.0.${index >> 7}.${(index & 127) + 1}`;

function planOf(scheduler: SchedulerName, weights: readonly number[], rest: Partial<BalancerPlan> = {}): BalancerPlan {
  const destinations = weights.map((weight, index) => ({ address: addressOf(index), weight, method: "dr" as const }));
  return { services: [{ address: vip, port: 80, scheduler, destinations }], ...rest };
}

const clientOf = (number: number) => `203.0.${(number >> 8) & 255}.${number & 255}`;

/** Opens a connection; the index of its destination, or -1 where it was refused. */
function open(balancer: Balancer, number: number, client = clientOf(number)): number {
  const before = balancer.loads();
  balancer.send(tcpFrame(arriving, { source: client }, { sourcePort: 1024 + (number % 60_000) }));
  return balancer.loads().findIndex(({ scheduled }, index) => scheduled !== before[index]?.scheduled);
}

function openMany(balancer: Balancer, count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, index) => open(balancer, from + index));
}

const letters = (chosen: readonly number[]) => chosen.map((index) => "ABCDEFGH"[index] ?? "-").join("");

/** Registers the conformance tests of all schedulers. */
export function describeSchedulers(createHost: () => BpfHost): void {
  test("codes and names are unique and agree with the registry", () => {
    expect(names.map((name) => schedulers[name].name)).toEqual(names);
    expect(new Set(names.map((name) => schedulers[name].code)).size).toBe(names.length);
  });
  describe.each(names)("%s", (name) => {
    describeAny(name, createHost);
  });
  describeEach(createHost);
}

function describeAny(name: SchedulerName, createHost: () => BpfHost): void {
  test("never chooses weight 0", () => {
    using balancer = new Balancer(createHost(), planOf(name, [0, 3, 0, 2, 0]));
    const chosen = openMany(balancer, 60);
    expect(chosen.filter((index) => index >= 0 && ![1, 3].includes(index))).toEqual([]);
    expect(new Set(chosen.filter((index) => index >= 0))).toEqual(new Set([1, 3]));
    // Only the source hash refuses: clients of a weightless server's buckets.
    if (name !== "sh") expect(chosen).not.toContain(-1);
  });

  test.each([[[]], [[0]], [[0, 0, 0]]])("refuses with the reason when weights are %j", (weights) => {
    using balancer = new Balancer(createHost(), planOf(name, weights));
    const { verdict, frame } = balancer.send(tcpFrame(arriving));
    expect([verdict, frame, balancer.verdicts()]).toEqual(["pass", tcpFrame(arriving), { noDestination: 1 }]);
    expect(balancer.connections()).toEqual([]);
  });

  test("gives a single server everything", () => {
    using balancer = new Balancer(createHost(), planOf(name, [7]));
    expect(new Set(openMany(balancer, 20))).toEqual(new Set([0]));
  });

  test("serves a full list, to its last member", () => {
    const maximumMembers = 256;
    const onlyLast = Array.from({ length: maximumMembers }, (_, index) => (index === maximumMembers - 1 ? 1 : 0));
    using balancer = new Balancer(createHost(), planOf(name, onlyLast, { maximumMembers }));
    const spread = (from: number, count: number) => {
      for (let number = from; number < from + count; number++) {
        balancer.send(tcpFrame(arriving, { source: clientOf(number) }, { sourcePort: number }));
      }
      return balancer.loads().flatMap(({ scheduled }, index) => (scheduled > 0 ? [index] : []));
    };
    // The source hash has one bucket of 256 for it, which few clients meet.
    expect(spread(1, 20)).toEqual(name === "sh" ? [] : [maximumMembers - 1]);
    balancer.setWeights(0, new Array<number>(maximumMembers).fill(1));
    expect(spread(1000, 300).length).toBeGreaterThan(name === "sh" ? 150 : 255);
  });

  test("takes the largest weights", () => {
    using balancer = new Balancer(createHost(), planOf(name, [65_535, 65_535]));
    expect(openMany(balancer, 10)).not.toContain(-1);
  });

  test("follows new weights with the next connection", () => {
    using balancer = new Balancer(createHost(), planOf(name, [1, 1]));
    openMany(balancer, 4);
    balancer.setWeights(0, [0, 1]);
    expect(new Set(openMany(balancer, 20, 100))).not.toContain(0);
    balancer.setWeights(0, [0, 0]);
    expect(open(balancer, 200)).toBe(-1);
    balancer.setWeights(0, [1, 0]);
    expect(new Set(openMany(balancer, 20, 300))).not.toContain(1);
  });
}

function describeEach(createHost: () => BpfHost): void {
  test("rr goes round in list order, from the first, past those of weight 0", () => {
    using balancer = new Balancer(createHost(), planOf("rr", [1, 9, 0, 2]));
    expect(letters(openMany(balancer, 7))).toBe("ABDABDA");
    balancer.setWeights(0, [1, 1, 1, 1]);
    expect(letters(openMany(balancer, 5, 50))).toBe("BCDAB");
  });

  // One whole round, from the top level; lists are in list order.
  test.each([
    [[1, 1], "AB"],
    [[3, 2, 1], "AABABC"],
    [[1, 2, 3], "CBCABC"],
    [[5, 1, 1], "AAAAABC"],
    [[4, 2], "AAB"],
    [[2, 4, 6], "CBCABC"],
    [[3, 0, 10], "CCCCCCCACACAC"],
    [[7, 5, 3, 2], "AAABABABCABCDABCD"],
  ])("wrr of weights %j goes %s, and again", (weights, round) => {
    using balancer = new Balancer(createHost(), planOf("wrr", weights));
    expect(letters(openMany(balancer, round.length * 2))).toBe(round + round);
  });

  test("wrr shares one round by weight exactly", () => {
    const weights = [13, 1, 0, 6, 4];
    using balancer = new Balancer(createHost(), planOf("wrr", weights));
    openMany(balancer, weights.reduce((sum, weight) => sum + weight, 0) * 3);
    expect(balancer.loads().map(({ scheduled }) => scheduled)).toEqual(weights.map((weight) => weight * 3));
  });

  test("sh sends a client to the same server from every port, and by the documented bucket", () => {
    const weights = [1, 2, 0, 5];
    const members = weights.map((weight, destination) => ({ destination, weight }));
    const table = sourceHashTable(members);
    using balancer = new Balancer(createHost(), planOf("sh", weights));
    for (const client of ["192.0.2.7", "10.1.1.7", "203.0.113.200", "255.255.255.254", "1.0.0.1"]) {
      const [a = 0, b = 0, c = 0, d = 0] = client.split(".").map(Number);
      const slot = table[sourceHashBucket(((a << 24) | (b << 16) | (c << 8) | d) >>> 0)];
      const expected = slot === 0xffff_ffff ? -1 : slot;
      expect([1, 2, 3].map((port) => open(balancer, port, client))).toEqual([expected, expected, expected]);
    }
  });

  test("sh has the documented buckets", () => {
    expect([sourceHashBucket(0xc000_0207), sourceHashBucket(0x0a01_0107)]).toEqual([125, 193]);
    const of = (...weights: number[]) =>
      sourceHashTable(weights.map((weight, destination) => ({ destination, weight })));
    expect(letters([...of(1, 2, 0).subarray(0, 9)])).toBe("ABB-ABB-A");
    expect(new Set(of(300, 1))).toEqual(new Set([0]));
    expect(of().every((slot) => slot === 0xffff_ffff)).toBe(true);
  });

  test("wlc goes by connections for the weight, and ties to the earlier", () => {
    using balancer = new Balancer(createHost(), planOf("wlc", [1, 2, 1]));
    // 0/1 0/2 0/1 | 1/1 0 0 | 1/1 1/2 0 | 1/1 1/2 1/1 | 1/1 2/2 1/1 | 2/1 …
    expect(letters(openMany(balancer, 8))).toBe("ABCBABCB");
  });

  test("wlc counts 256 closed connections as one open one", () => {
    using balancer = new Balancer(createHost(), planOf("wlc", [1, 1]));
    const loads = balancer.map(balancer.maps.loads);
    const set = (index: number, active: bigint, inactive: bigint) =>
      loads.update(index, loadOf((active << 32n) | inactive));
    const cases = [
      [1n, 0n, 0n, 255n, 1],
      [1n, 0n, 0n, 256n, 0],
      [1n, 1n, 0n, 256n, 1],
      [0n, 5n, 0n, 5n, 0],
    ] as const;
    for (const [index, [activeA, inactiveA, activeB, inactiveB, chosen]] of cases.entries()) {
      set(0, activeA, inactiveA);
      set(1, activeB, inactiveB);
      expect(open(balancer, index)).toBe(chosen);
    }
  });

  test("wlc does not overflow with millions of connections and the largest weights", () => {
    using balancer = new Balancer(createHost(), planOf("wlc", [65_535, 65_534]));
    const loads = balancer.map(balancer.maps.loads);
    const busy = (active: bigint) => loadOf((active << 32n) | 0xffff_fffn);
    loads.update(0, busy(0x7fff_ffffn));
    loads.update(1, busy(0x7fff_0000n));
    expect(open(balancer, 1)).toBe(1);
  });

  test("UDP connections count as inactive, and decide all the same", () => {
    const destinations = [0, 1].map((index) => ({ address: addressOf(index), method: "dr" as const }));
    const service = { address: vip, port: 53, protocol: "udp", scheduler: "wlc", destinations } as const;
    using balancer = new Balancer(createHost(), { services: [service] });
    for (let port = 1; port <= 4; port++) balancer.send(udpFrame(arriving, {}, { sourcePort: port }));
    expect(balancer.loads()).toEqual([0, 1].map(() => ({ active: 0, inactive: 2, scheduled: 2 })));
  });
}

/** What a destination counts with these connections: active ones in the high half, inactive ones in the low half. */
function loadOf(connections: bigint) {
  return { connections, scheduled: 0n, overloaded: 0, templates: 0, reserved: new Uint8Array(40) };
}
