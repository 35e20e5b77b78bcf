// The plan of a configuration: pure, so everything about it is checked without a kernel.

import { describe, expect, it } from "vitest";
import { configuration, fourServices, service } from "../../test/sample.ts";
import { plan } from "./plan.ts";

const macs = [Uint8Array.of(2, 0, 0, 0, 0, 1)];
const many = (count: number) => Array.from({ length: count }, (_, at) => ({ address: `10.0.${at >> 8}.${at & 255}` }));

describe("the services", () => {
  it("are those of the configuration, in written order", () => {
    expect(plan(configuration(fourServices), macs)).toMatchObject({ services: fourServices, arrival: "together" });
  });

  it("have whom the file names last in front under IPVS's rules, as if each had been added there", () => {
    const servers = [{ address: "10.0.0.1" }, { address: "10.0.0.2" }];
    const { services, arrival } = plan(configuration([service({ servers })], { compatibility: "ipvs" }), macs);
    expect(services.map((each) => each.servers.map(({ address }) => address))).toEqual([["10.0.0.2", "10.0.0.1"]]);
    expect(arrival).toBe("oneByOne");
  });

  it("are the same for the same configuration, as is the rest of the plan", () => {
    expect(plan(configuration(fourServices), macs)).toEqual(plan(configuration(fourServices), macs));
  });
});

describe("the program's shape", () => {
  const shapeOf = (...args: Parameters<typeof configuration>) => plan(configuration(...args), macs).shape;

  it("names what is used, once each and sorted", () => {
    expect(shapeOf(fourServices)).toMatchObject({
      schedulers: ["rr", "sh", "wlc", "wrr"],
      methods: ["dr", "nat"],
      macs,
      maximumServices: 64,
      maximumDestinations: 256,
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
    const services = [service(), service({ port: 81, ...changes })];
    expect(shapeOf(services, { mssClamp: "off" }).features).toEqual(features);
  });

  it("follows the director's settings and the families of its services", () => {
    const six = service({ address: "2001:db8::1", servers: [{ address: "2001:db8::2" }] });
    expect(shapeOf([service()])).toMatchObject({ families: ["ipv4"], activeCost: 256 });
    expect(shapeOf([six, service()], { dropOneOf: 10, compatibility: "ipvs", mssClamp: "off" })).toMatchObject({
      families: ["ipv4", "ipv6"],
      activeCost: 257,
      features: ["dropPackets", "fullUdpChecksums"],
    });
  });

  it("clamps segments by the ways where answers come by, and by a number wherever SYNs do", () => {
    const by = (forwarding: "nat" | "fullnat" | "dr" | "tun", mssClamp: "auto" | "off" | 1400) =>
      shapeOf([service({ servers: [{ address: "10.0.0.11", forwarding }] })], { mssClamp }).features;
    expect(by("nat", "auto")).toContain("mssClamp");
    expect(by("fullnat", "auto")).toContain("mssClamp");
    for (const forwarding of ["dr", "tun"] as const) {
      expect(by(forwarding, "auto")).toEqual([]);
      expect(by(forwarding, 1400)).toEqual(["mssClamp"]);
    }
    for (const forwarding of ["nat", "tun"] as const) expect(by(forwarding, "off")).toEqual([]);
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

  it("has a method and room where there is nothing yet", () => {
    const least = { methods: ["dr"], maximumServices: 64, maximumDestinations: 256 };
    expect(shapeOf([])).toMatchObject({ schedulers: [], ...least });
    expect(shapeOf([service()])).toMatchObject(least);
  });

  it("has room for as many services and destinations again", () => {
    const services = Array.from({ length: 33 }, (_, at) => service({ port: 1000 + at, servers: many(4) }));
    expect(shapeOf(services)).toMatchObject({ maximumServices: 128, maximumDestinations: 512 });
  });

  it.each([
    [0, 16],
    [1, 16],
    [8, 16],
    [9, 32],
    [33, 128],
    [1000, 2048],
    [1024, 2048],
  ])("lists of %d servers have room for %d: as many again, a power of two", (count, maximumMembers) => {
    expect(shapeOf([service({ servers: many(count) }), service({ port: 81, servers: many(3) })])).toMatchObject({
      maximumMembers,
    });
  });
});
