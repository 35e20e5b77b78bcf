// The plan of a configuration: pure, so everything about it is checked without a kernel.

import { destinationFlags, NO_DESTINATION, sourceHashTable } from "@yardmaster/dataplane";
import { describe, expect, it } from "vitest";
import { configuration, fourServices, service } from "../../test/sample.ts";
import { plan } from "./plan.ts";

const macs = [Uint8Array.of(2, 0, 0, 0, 0, 1)];
const many = (count: number) => Array.from({ length: count }, (_, at) => ({ address: `10.0.${at >> 8}.${at & 255}` }));

describe("what the maps will hold", () => {
  const planned = plan(configuration(fourServices), macs);

  it("numbers services and destinations in written order, destinations through all services", () => {
    expect(planned.services.map(({ index, service: { name } }) => [index, name])).toEqual([
      [0, "web"],
      [1, "dns"],
      [2, "cache"],
      [3, "mail"],
    ]);
    expect(planned.services.map(({ destinations }) => destinations.map(({ index }) => index))).toEqual([
      [0, 1],
      [2, 3, 4],
      [5, 6],
      [7],
    ]);
    expect(planned.services.map(({ record }) => record.members.map(({ destination }) => destination))).toEqual([
      [0, 1],
      [2, 3, 4],
      [5, 6],
      [7],
    ]);
  });

  it("keys services by address, port and protocol", () => {
    expect(planned.services.map(({ key }) => key)).toEqual([
      { address: [0xc633_640a], port: 80, protocol: 6 },
      { address: [0xc633_640a], port: 53, protocol: 17 },
      { address: [0xc633_640a], port: 11211, protocol: 6 },
      { address: [0xc633_640a], port: 25, protocol: 6 },
    ]);
  });

  it("gives each destination its own port and method", () => {
    const [web, dns] = planned.services;
    expect(web?.destinations.map(({ record }) => record)).toMatchObject([
      { address: [0x0a00_000b, 0, 0, 0], port: 8080, method: 1, service: 0, flags: destinationFlags.hasReplyRule },
      { address: [0x0a00_000c, 0, 0, 0], port: 80, method: 1, service: 0, flags: destinationFlags.hasReplyRule },
    ]);
    expect(dns?.destinations[0]?.record).toMatchObject({ port: 53 });
    expect(dns?.destinations[0]?.record.method).not.toBe(1);
  });

  it("starts wrr on its highest level, max − (divisor − 1), the others at 0", () => {
    expect(planned.services.map(({ record }) => record.position)).toEqual([0n, 3n << 32n, 0n, 0n]);
    expect(planned.services.map(({ record }) => [record.weightDivisor, record.highestLevel])).toEqual([
      [1, 1],
      [2, 3],
      [1, 2],
      [65535, 1],
    ]);
  });

  it("computes a table for sh alone, of destination indexes", () => {
    expect(planned.services.map(({ table }) => table?.length)).toEqual([undefined, undefined, 256, undefined]);
    const members = planned.services[2]?.record.members ?? [];
    expect(planned.services[2]?.table).toEqual(sourceHashTable(members));
    expect(new Set(planned.services[2]?.table)).toEqual(new Set([5, 6]));
  });

  it("is the same for the same configuration", () => {
    expect(plan(configuration(fourServices), macs)).toEqual(planned);
  });
});

describe("weights at the edge", () => {
  const one = (scheduler: "wrr" | "sh", weights: readonly number[]) =>
    plan(
      configuration([
        service({ scheduler, servers: weights.map((weight, at) => ({ address: `10.0.0.${at}`, weight })) }),
      ]),
      macs,
    ).services[0];

  it.each([
    [[0, 0], 1, 0],
    [[], 1, 0],
    [[6, 0, 9], 3, 7],
    [[65535, 65535], 65535, 1],
  ])("wrr with weights %j: divisor %d, highest level %d", (weights, weightDivisor, highestLevel) => {
    const planned = one("wrr", weights);
    expect(planned?.record).toMatchObject({ memberCount: weights.length, weightDivisor, highestLevel });
    expect(planned?.record.position).toBe(BigInt(highestLevel) << 32n);
  });

  it("sh without servers leads nowhere; quiesced ones keep their places", () => {
    expect(new Set(one("sh", [])?.table)).toEqual(new Set([NO_DESTINATION]));
    expect(new Set(one("sh", [0, 0])?.table)).toEqual(new Set([0, 1]));
  });
});

describe("the program's shape", () => {
  const shapeOf = (...args: Parameters<typeof configuration>) => plan(configuration(...args), macs).shape;

  it("names what is used, once each and sorted", () => {
    expect(shapeOf(fourServices)).toMatchObject({
      schedulers: ["rr", "sh", "wlc", "wrr"],
      methods: ["dr", "nat"],
      macs,
      maximumServices: 4,
      maximumDestinations: 8,
      clock: "jiffies",
    });
  });

  const server = { address: "10.0.0.11" };
  const wide = { kind: "wide", prefixes: ["10.0.0.0/8"], ports: "any", protocol: "tcp" } as const;

  it.each<[string, Parameters<typeof service>[0], readonly string[]]>([
    ["nothing", { servers: [server] }, []],
    ["thresholds", { servers: [{ ...server, upperThreshold: 5 }] }, ["thresholds"]],
    ["persistence", { persistence: { timeoutMs: 1000, maskBits: 32 } }, ["persistence"]],
    ["one-packet scheduling", { protocol: "udp", onePacket: true }, ["onePacket"]],
    ["a prefix", { match: wide }, ["wideServices"]],
    ["new connections", { caps: { newPerSecond: 1, halfOpen: 0 } }, ["caps"]],
    ["half-open connections", { caps: { newPerSecond: 0, halfOpen: 1 } }, ["caps"]],
  ])("has the features that services use: %s", (_, changes, features) => {
    expect(shapeOf([service(), service({ port: 81, ...changes })]).features).toEqual(features);
  });

  it("follows the director's settings and the families of its services", () => {
    const six = service({ address: "2001:db8::1", servers: [{ address: "2001:db8::2" }] });
    expect(shapeOf([service()])).toMatchObject({ families: ["ipv4"], activeCost: 256 });
    expect(shapeOf([six, service()], { dropOneOf: 10, compatibility: "ipvs" })).toMatchObject({
      families: ["ipv4", "ipv6"],
      activeCost: 257,
      features: ["dropPackets", "fullUdpChecksums"],
    });
  });

  it("takes the methods from the servers, which may differ from their service's", () => {
    const servers = [{ address: "10.0.0.11", forwarding: "dr" } as const];
    expect(shapeOf([service({ forwarding: "nat", servers })]).methods).toEqual(["dr"]);
  });

  it.each([
    ["nat", 1000],
    ["dr", 1000],
  ] as const)("%s: 1,000 connections need %d entries", (forwarding, maximumConnections) => {
    const shape = shapeOf([service({ forwarding, servers: [{ address: "10.0.0.11" }] })]);
    expect(shape).toMatchObject({ maximumConnections });
  });

  it("counts two entries a connection where a server answers for two services", () => {
    const servers = [{ address: "10.0.0.11" }];
    const shared = [service({ forwarding: "nat", servers }), service({ forwarding: "nat", servers, port: 81 })];
    const same = shared.map((one) => ({ ...one, servers: one.servers.map((server) => ({ ...server, port: 8080 })) }));
    expect(shapeOf(same)).toMatchObject({ maximumConnections: 2000 });
  });

  it("keeps maps from being empty where there is nothing", () => {
    expect(shapeOf([])).toMatchObject({ schedulers: [], methods: ["dr"], maximumServices: 1, maximumDestinations: 1 });
    expect(shapeOf([service()])).toMatchObject({ methods: ["dr"], maximumServices: 1, maximumDestinations: 1 });
  });

  it.each([
    [0, 16],
    [1, 16],
    [16, 16],
    [17, 32],
    [32, 32],
    [33, 64],
    [1000, 1024],
    [1024, 1024],
    [4097, 8192],
  ])("lists of %d servers have room for %d: a power of two", (count, maximumMembers) => {
    expect(shapeOf([service({ servers: many(count) }), service({ port: 81, servers: many(3) })])).toMatchObject({
      maximumMembers,
    });
  });
});
