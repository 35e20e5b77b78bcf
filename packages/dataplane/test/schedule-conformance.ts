// What every scheduler must do, as tests over the registry, and what each one promises besides, in the
// tables of LVS's documented behaviour. Runs on any host, packets in and destinations out.

import type { BpfHost } from "@yardmaster/ebpf";
import { ethernet, frame, ipv6, tcp } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { type SchedulerName, schedulerNames, schedulers } from "../src/index.ts";
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

/** What a scheduler does with clients that differ, all writing to one address. */
interface Manner {
  /** Gives the connections of many clients to all servers of equal weight. */
  readonly spreads?: true;
  /** May refuse a client while some server could take it. */
  readonly refuses?: true;
}
const manners: Readonly<Record<SchedulerName, Manner>> = {
  rr: { spreads: true },
  wrr: { spreads: true },
  lc: { spreads: true },
  wlc: { spreads: true },
  sed: { spreads: true },
  nq: { spreads: true },
  twos: { spreads: true },
  ovf: { spreads: true },
  fo: {},
  lblc: {},
  lblcr: {},
  sh: { spreads: true, refuses: true },
  // One that is quiesced keeps its slots; one that never had a weight has none.
  mh: { spreads: true, refuses: true },
  dh: { refuses: true },
};

/** Registers the conformance tests of all schedulers. */
export function describeSchedulers(createHost: () => BpfHost): void {
  test("codes and names are unique and agree with the registry", () => {
    expect(names.map((name) => schedulers[name].name)).toEqual(names);
    expect(new Set(names.map((name) => schedulers[name].code)).size).toBe(names.length);
    expect([...names].sort()).toEqual([...schedulerNames].sort());
  });
  test("codes are those of services that are there already", () => {
    const codes = names.map((name) => [name, schedulers[name].code] as const).sort(([, a], [, b]) => a - b);
    const order = ["rr", "wrr", "sh", "wlc", "lc", "sed", "nq", "dh", "mh", "fo", "ovf", "twos", "lblc", "lblcr"];
    expect(codes).toEqual(order.map((name, code) => [name, code]));
  });
  describeTogether(createHost);
  describe.each(names)("%s", (name) => {
    describeAny(name, createHost);
  });
  describeEach(createHost);
}

/** Registers the test of all schedulers in one program. */
export function describeTogether(createHost: () => BpfHost): void {
  test("all of them, both families and every feature fit one program, and each service goes its own way", () => {
    const bothWays = names.flatMap((scheduler, at) => [
      { scheduler, address: vip, port: 1000 + at, destinations: serversOf("10.0.0.1", "10.0.0.2") },
      { scheduler, address: vip6, port: 1000 + at, destinations: serversOf("2001:db8:3::1", "2001:db8:3::2") },
    ]);
    using balancer = new Balancer(createHost(), { services: bothWays });
    for (const [at] of names.entries()) {
      const ports = { sourcePort: 40_000 + at, destinationPort: 1000 + at };
      balancer.send(tcpFrame(arriving, {}, ports));
      const header = ipv6({ source: client6, destination: vip6 });
      balancer.send(frame(ethernet(arriving), header, tcp({ ...ports, flags: "S" })));
    }
    const scheduled = balancer.loads().map((load) => load.scheduled);
    const services = bothWays.map((_, at) => (scheduled[2 * at] ?? 0) + (scheduled[2 * at + 1] ?? 0));
    expect(services).toEqual(bothWays.map(() => 1));
  });
}

const vip6 = "2001:db8:2::10";
const client6 = "2001:db8:1::7";
const serversOf = (...addresses: string[]) =>
  addresses.map((address, at) => ({ address, weight: 1, method: at === 0 ? ("nat" as const) : ("dr" as const) }));

function describeAny(name: SchedulerName, createHost: () => BpfHost): void {
  const { spreads = false, refuses = false } = manners[name];

  test("never chooses weight 0", () => {
    using balancer = new Balancer(createHost(), planOf(name, [0, 40, 0, 30, 0]));
    const chosen = openMany(balancer, 60);
    const served = new Set(chosen.filter((index) => index >= 0));
    expect([...served].filter((index) => ![1, 3].includes(index))).toEqual([]);
    if (spreads) expect(served).toEqual(new Set([1, 3]));
    if (!refuses) expect(chosen).not.toContain(-1);
  });

  test.each([[[]], [[0]], [[0, 0, 0]]])("refuses with the reason when weights are %j", (weights) => {
    using balancer = new Balancer(createHost(), planOf(name, weights));
    const { verdict, frame } = balancer.send(tcpFrame(arriving));
    expect([verdict, frame, balancer.verdicts()]).toEqual(["pass", tcpFrame(arriving), { noDestination: 1 }]);
    expect(balancer.connections()).toEqual([]);
  });

  test("gives a single server everything", () => {
    const weight = 30;
    using balancer = new Balancer(createHost(), planOf(name, [weight]));
    expect(new Set(openMany(balancer, 20))).toEqual(new Set([0]));
  });

  test("serves a full list, to its last member", () => {
    const maximumMembers = 256;
    const onlyLast = Array.from({ length: maximumMembers }, (_, index) => (index === maximumMembers - 1 ? 70 : 0));
    using balancer = new Balancer(createHost(), planOf(name, onlyLast, { maximumMembers }));
    const served = (from: number, count: number) => {
      for (let number = from; number < from + count; number++) {
        balancer.send(tcpFrame(arriving, { source: clientOf(number) }, { sourcePort: number }));
      }
      return balancer.loads().flatMap(({ scheduled }, index) => (scheduled > 0 ? [index] : []));
    };
    // sh and dh have one bucket of 256 for it, which few clients meet.
    expect(served(1, 20)).toEqual(name === "sh" || name === "dh" ? [] : [maximumMembers - 1]);
    balancer.setWeights(0, new Array<number>(maximumMembers).fill(1));
    if (spreads) expect(served(1000, 300).length).toBeGreaterThan(100);
  });

  test("takes the largest weights", () => {
    using balancer = new Balancer(createHost(), planOf(name, [65_535, 65_535]));
    expect(openMany(balancer, 10)).not.toContain(-1);
  });

  test("follows new weights with the next connection", () => {
    using balancer = new Balancer(createHost(), planOf(name, [100, 100]));
    openMany(balancer, 4);
    balancer.setWeights(0, [0, 100]);
    expect(new Set(openMany(balancer, 20, 100))).not.toContain(0);
    balancer.setWeights(0, [0, 0]);
    expect(open(balancer, 200)).toBe(-1);
    balancer.setWeights(0, [100, 0]);
    expect(new Set(openMany(balancer, 20, 300))).not.toContain(1);
  });

  test("gives nobody more than the upper threshold, and goes on below the lower", () => {
    const { services } = planOf(name, [50, 50]);
    const destinations = services[0]?.destinations.map((one) => ({ ...one, upperThreshold: 3 })) ?? [];
    using balancer = new Balancer(createHost(), { services: services.map((one) => ({ ...one, destinations })) });
    const chosen = openMany(balancer, 40);
    // Whom lblc remembers it uses in spite of the threshold.
    const most = name === "lblc" ? 40 : 3;
    expect(balancer.loads().every(({ scheduled }) => scheduled <= most)).toBe(true);
    if (name === "lblc") return;
    expect(chosen.at(-1)).toBe(-1);
    balancer.reap({ all: true, force: "all" });
    expect(openMany(balancer, 40, 100).filter((index) => index >= 0).length).toBeGreaterThanOrEqual(3);
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

  test.each(["sh", "mh"] as const)("%s sends a client to the same server from every port", (name) => {
    using balancer = new Balancer(createHost(), planOf(name, [1, 2, 3, 5]));
    for (const client of ["192.0.2.7", "10.1.1.7", "203.0.113.200", "255.255.255.254", "1.0.0.1"]) {
      const chosen = [1, 2, 3].map((port) => open(balancer, port, client));
      expect(chosen).toEqual([chosen[0], chosen[0], chosen[0]]);
      expect(chosen[0]).toBeGreaterThanOrEqual(0);
    }
  });

  test("sh takes the documented buckets", () => {
    // One bucket each: A has 125 and 193 where there are 256 of it and the next is B.
    const ofBucket = (bucket: number) => [bucket, 1, 255];
    for (const [client, bucket] of [
      ["192.0.2.7", 125],
      ["10.1.1.7", 193],
    ] as const) {
      using balancer = new Balancer(createHost(), planOf("sh", ofBucket(bucket)));
      expect(open(balancer, 1, client)).toBe(1);
    }
  });

  test("lc goes by connections whatever the weights, and ties to the earlier", () => {
    using balancer = new Balancer(createHost(), planOf("lc", [1, 9, 0, 3]));
    expect(letters(openMany(balancer, 7))).toBe("ABDABDA");
  });

  test("sed prefers the fast while they are little more busy", () => {
    using balancer = new Balancer(createHost(), planOf("sed", [1, 2, 4]));
    // (active + 1) / weight: 1 1/2 1/4 | 1 1/2 2/4 | 1 2/2 2/4 | 1 2/2 3/4 | 1 2/2 4/4, the first of three | …
    expect(letters(openMany(balancer, 7))).toBe("CBCCABC");
  });

  test("nq leaves nobody idle", () => {
    using balancer = new Balancer(createHost(), planOf("nq", [1, 2, 4]));
    // Then as sed: 2 2/2 2/4 | 2 2/2 3/4 | 2 2/2 4/4, the first of the last two.
    expect(letters(openMany(balancer, 6))).toBe("ABCCCB");
  });

  test("fo gives everything to the first of the heaviest", () => {
    using balancer = new Balancer(createHost(), planOf("fo", [1, 7, 7, 0]));
    expect(letters(openMany(balancer, 4))).toBe("BBBB");
    balancer.setWeights(0, [1, 0, 7, 0]);
    expect(letters(openMany(balancer, 2, 10))).toBe("CC");
    balancer.setWeights(0, [1, 0, 0, 0]);
    expect(letters(openMany(balancer, 2, 20))).toBe("AA");
  });

  test("ovf fills the heaviest one connection past its weight, then the next, then refuses", () => {
    using balancer = new Balancer(createHost(), planOf("ovf", [1, 3, 2]));
    expect(letters(openMany(balancer, 10))).toBe("BBBBCCCAA-");
  });

  test("lblc and lblcr keep to a server until it has more to do than its weight and another is half idle", () => {
    for (const name of ["lblc", "lblcr"] as const) {
      using balancer = new Balancer(createHost(), planOf(name, [2, 2, 9]));
      // A: 1 2 3, the fourth finds 3 > 2, and B 0 < 1: B is less for its weight than C in list order.
      expect(letters(openMany(balancer, 5))).toBe("AAABB");
    }
  });

  test("twos gives two servers all, about evenly", () => {
    using balancer = new Balancer(createHost(), planOf("twos", [1, 1]));
    openMany(balancer, 200);
    for (const { scheduled } of balancer.loads()) expect(scheduled).toBeGreaterThan(80);
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
  return {
    connections,
    scheduled: 0n,
    overloaded: 0,
    templates: 0,
    clientsUntold: 0,
    pathMtu: 0,
    pathMtuAt: 0,
    handshakesBegun: 0,
    handshakesDone: 0,
    handshakesRefused: 0,
    synsRepeated: 0,
    reserved: new Uint8Array(12),
  };
}
