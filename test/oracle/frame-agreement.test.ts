// Which bytes of frames must be the same: all but what a host draws for itself, and only where it does.
import { ethernet, frame, icmp4, ipv4, type Ipv4Fields, ipv6, tcp, udp } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { frameDifferences } from "./frame-agreement.ts";
import type { Packet } from "./subject.ts";
import { clientRouter, links, serverMac } from "./topology.ts";

const toClient = ethernet({ source: links.c.mac, destination: clientRouter.mac });
const toServer = ethernet({ source: links.s.mac, destination: serverMac(11) });
const ports = { sourcePort: 40000, destinationPort: 53 };
const request = { source: "10.1.1.7", destination: "10.3.0.1" };

const arrived: Packet = {
  side: "c",
  frame: frame(ethernet({ source: clientRouter.mac, destination: links.c.mac }), ipv4(request), udp(ports)),
};
const occasion = { arrived, tunnelEnds: new Set<string>() };

const forwarded = (fields: Partial<Ipv4Fields> = {}): Packet => ({
  side: "s",
  frame: frame(toServer, ipv4({ ...request, ttl: 63, ...fields }), udp(ports), "hello"),
});
const refusal = (fields: Partial<Ipv4Fields> = {}): Packet => ({
  side: "c",
  frame: frame(
    toClient,
    ipv4({ source: "10.3.0.1", destination: "10.1.1.7", ...fields }),
    icmp4({ type: 3, code: 3 }),
    ipv4(request),
    udp(ports),
  ),
});

describe("a forwarded packet", () => {
  test("agrees with itself", () => {
    expect(frameDifferences([forwarded()], [forwarded()], occasion)).toEqual([]);
  });

  test.each([
    ["identification", { identification: 7 }],
    ["TTL", { ttl: 64 }],
    ["service bits", { typeOfService: 4 }],
  ])("keeps its %s", (_field, fields) => {
    expect(frameDifferences([forwarded()], [forwarded(fields)], occasion)).toHaveLength(1);
  });

  test("leaves on its link", () => {
    expect(frameDifferences([forwarded()], [{ ...forwarded(), side: "c" }], occasion)).toHaveLength(1);
  });

  test("is not missing, surplus, or before another", () => {
    const [a, b] = [forwarded(), forwarded({ identification: 1 })];
    expect(frameDifferences([a, b], [a], occasion).map(({ got }) => got)).toEqual(["none"]);
    expect(frameDifferences([], [a], occasion).map(({ expected }) => expected)).toEqual(["none"]);
    expect(frameDifferences([a, b], [b, a], occasion)).toHaveLength(2);
  });

  test("says which fields differ", () => {
    const [difference] = frameDifferences([forwarded()], [forwarded({ ttl: 62 })], occasion);
    expect(difference?.what).toContain("ipv4.ttl: expected 63, got 62");
  });
});

describe("a packet of the director's own", () => {
  test("has an identification of its own", () => {
    expect(frameDifferences([refusal({ identification: 7 })], [refusal({ identification: 9 })], occasion)).toEqual([]);
  });

  test("keeps everything else", () => {
    expect(frameDifferences([refusal()], [refusal({ typeOfService: 0xc0 })], occasion)).toHaveLength(1);
    expect(frameDifferences([refusal()], [refusal({ dontFragment: true })], occasion)).toHaveLength(1);
  });

  test("has right checksums all the same", () => {
    const [difference] = frameDifferences([refusal()], [refusal({ identification: 9, checksum: 1 })], occasion);
    expect(difference?.got).toContain("ipv4: checksum 0x0001");
  });

  test("has a flow label of its own over IPv6, and no other class", () => {
    const ends = { source: "fd00:3::1", destination: "fd00:9::7" };
    const reset = (fields: { readonly flowLabel?: number; readonly trafficClass?: number }): Packet => ({
      side: "c",
      frame: frame(toClient, ipv6({ ...ends, ...fields }), tcp({ ...ports, flags: "R" })),
    });
    expect(frameDifferences([reset({ flowLabel: 0x738cc })], [reset({})], occasion)).toEqual([]);
    expect(frameDifferences([reset({ trafficClass: 0x1f })], [reset({})], occasion)).toHaveLength(1);
  });

  test("is one that nothing arrived for, or that something for the director itself did", () => {
    const [a, b] = [forwarded({ identification: 1 }), forwarded({ identification: 2 })];
    expect(frameDifferences([a], [b], { ...occasion, arrived: undefined })).toEqual([]);
    const own = frame(
      ethernet({ source: clientRouter.mac, destination: links.c.mac }),
      ipv4({ ...request, destination: "10.1.0.1" }),
      udp(ports),
    );
    expect(frameDifferences([a], [b], { ...occasion, arrived: { side: "c", frame: own } })).toEqual([]);
  });
});

describe("a tunnel", () => {
  const tunnels = { ...occasion, tunnelEnds: new Set(["10.2.0.11"]) };
  const outer = { source: "10.2.0.1", destination: "10.2.0.11", ttl: 63 };
  const ipip = (fields: Partial<Ipv4Fields>, inner: Partial<Ipv4Fields> = {}): Packet => ({
    side: "s",
    frame: frame(toServer, ipv4({ ...outer, ...fields }), ipv4({ ...request, ...inner }), udp(ports), "hello"),
  });
  const gue = (sourcePort: number): Packet => ({
    side: "s",
    frame: frame(
      toServer,
      ipv4(outer),
      udp({ sourcePort, destinationPort: 6080 }),
      Uint8Array.of(0, 4, 0, 0),
      ipv4(request),
      udp(ports),
    ),
  });

  test("has an outer identification of its own, the packet within does not", () => {
    expect(frameDifferences([ipip({ identification: 1 })], [ipip({ identification: 2 })], tunnels)).toEqual([]);
    expect(frameDifferences([ipip({})], [ipip({ ttl: 62 })], tunnels)).toHaveLength(1);
    expect(frameDifferences([ipip({})], [ipip({}, { identification: 1 })], tunnels)).toHaveLength(1);
  });

  test("of GUE has a source port of its own", () => {
    expect(frameDifferences([gue(50000)], [gue(50001)], tunnels)).toEqual([]);
  });
});
