// One suite of unwrapping for both hosts: what is said of named packets, and that the twin does the same to any.
import { compile } from "@yardmaster/ebpf";
import type { BpfHost, BpfMap } from "@yardmaster/ebpf";
import {
  clientAddress,
  ethernet,
  type FramePart,
  frame,
  gre,
  gue,
  ipv4,
  ipv6,
  mutateFrame,
  parsePrefix,
  type Random,
  seededRandom,
  tcp,
  toHex,
  udp,
} from "@yardmaster/packet";
import { expect, test } from "vitest";
import { prefixKey } from "../src/addresses.ts";
import type { VirtualService } from "../src/options.ts";
import { directors, serviceKeys, services, unwrapCounts, unwrapReasonNames } from "../src/unwrap/maps.ts";
import { unwrapper } from "../src/unwrap/program.ts";
import { type Unwrapped, unwrapTwin } from "./unwrap-twin.ts";

const XDP_DROP = 1;
const guePort = 6080;
const VIP4 = "198.51.100.10";
const VIP6 = "2001:db8::10";
const service = (address: string, family: 4 | 6, port?: number, protocol?: "tcp" | "udp"): VirtualService => ({
  address,
  family,
  port,
  protocol,
});
const options = {
  directors: ["10.0.0.0/24", "fd00::/64"].map(parsePrefix),
  services: [
    service(VIP4, 4, 80, "tcp"),
    service(VIP6, 6, 80, "tcp"),
    service(VIP4, 4, 53),
    service("198.51.100.11", 4),
  ],
  guePort,
};

const link = ethernet({ source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" });
const outer4 = { source: "10.0.0.1", destination: "10.0.1.5" };
const outer6 = { source: "fd00::1", destination: "fd01::5" };
const inner4 = { source: "203.0.113.7", destination: VIP4 };
const inner6 = { source: "2001:db8:cafe::7", destination: VIP6 };
const segment = tcp({ sourcePort: 4242, destinationPort: 80, options: [clientAddress("10.0.0.1", 1)] });

/** The program, alive on `host`. */
function load(host: BpfHost) {
  const spec = compile(unwrapper({ guePort }));
  const maps = new Map<string, BpfMap>(spec.maps.map((map) => [map.name, host.createMap(map)]));
  for (const prefix of options.directors) maps.get(directors.spec.name)?.update(prefixKey(prefix), { unused: 0 });
  for (const key of options.services.flatMap(serviceKeys)) maps.get(services.spec.name)?.update(key, { unused: 0 });
  const program = host.loadProgram(spec, maps);
  const counts = maps.get(unwrapCounts.spec.name) as BpfMap<number, { packets: bigint }>;
  const read = (): bigint[] =>
    unwrapReasonNames.map((_, index) =>
      (counts.lookupPerCpu(index) ?? []).reduce((sum, { packets }) => sum + packets, 0n),
    );
  return {
    run(packet: Uint8Array): Unwrapped {
      const before = read();
      const { verdict, packet: after } = program.run({ packet });
      const changed = read().findIndex((value, index) => value !== before[index]);
      return { reason: unwrapReasonNames[changed], frame: verdict === XDP_DROP ? "dropped" : after };
    },
    [Symbol.dispose]() {
      program.close();
      for (const map of maps.values()) map.close();
    },
  };
}

const OUTERS = { ipv4: ipv4(outer4), ipv6: ipv6(outer6) } as const;
const INNERS = { ipv4: ipv4(inner4), ipv6: ipv6(inner6) } as const;
const TUNNELS: Readonly<Record<string, readonly FramePart[]>> = {
  ipip: [],
  gre: [gre()],
  "gre with checksum": [gre({ checksum: "computed" })],
  "gre with all fields": [gre({ checksum: "computed", key: 7, sequence: 9 })],
  gue: [udp({ sourcePort: 50_000, destinationPort: guePort }), gue()],
  "gue without checksum": [udp({ sourcePort: 50_000, destinationPort: guePort, checksum: 0 }), gue()],
};

const refusals: readonly (readonly [string, Uint8Array, Unwrapped["reason"]])[] = [
  ["other traffic", frame(link, ipv4(inner4), segment), undefined],
  ["another UDP port", frame(link, ipv4(outer4), udp({ sourcePort: 1, destinationPort: 53 }), "x"), undefined],
  ["a stranger's", frame(link, ipv4({ ...outer4, source: "10.0.9.1" }), ipv4(inner4), segment), "fromStranger"],
  ["a stranger's of IPv6", frame(link, ipv6({ ...outer6, source: "fd09::1" }), ipv4(inner4), segment), "fromStranger"],
  ["for another address", wrapped(ipv4({ ...inner4, destination: "198.51.100.99" }), segment), "noService"],
  ["for another port", wrapped(ipv4(inner4), tcp({ sourcePort: 1, destinationPort: 81 })), "noService"],
  ["for another protocol", wrapped(ipv4(inner4), udp({ sourcePort: 1, destinationPort: 80 })), "noService"],
  ["an outer fragment", frame(link, ipv4({ ...outer4, moreFragments: true }), ipv4(inner4), segment), "outerFragment"],
  ["a control message", frame(link, ipv4(outer4), ...gueOf({ control: true }), ipv4(inner4), segment), "malformed"],
  ["unknown flags of GUE", frame(link, ipv4(outer4), ...gueOf({ flags: 1 }), ipv4(inner4), segment), "malformed"],
  ["the wrong version inside", wrapped(ipv4({ ...inner4, version: 6 }), segment), "malformed"],
  ["a bad sum of GRE", frame(link, ipv4(outer4), gre({ checksum: 1 }), ipv4(inner4), segment), "badChecksum"],
  [
    "a bad sum of UDP",
    frame(
      link,
      ipv4(outer4),
      udp({ sourcePort: 1, destinationPort: guePort, checksum: 1 }),
      gue(),
      ipv4(inner4),
      segment,
    ),
    "badChecksum",
  ],
];

function wrapped(...inside: readonly FramePart[]): Uint8Array {
  return frame(link, ipv4(outer4), ...inside);
}

function gueOf(fields: Parameters<typeof gue>[0]): readonly FramePart[] {
  return [udp({ sourcePort: 1, destinationPort: guePort }), gue({ protocol: 4, ...fields })];
}

/** Registers the tests. `rounds` is how many random frames are compared. */
export function testUnwrapping(createHost: () => BpfHost, rounds: number): void {
  for (const [tunnel, parts] of Object.entries(TUNNELS)) {
    for (const [outerName, outer] of Object.entries(OUTERS)) {
      for (const [innerName, inner] of Object.entries(INNERS)) {
        test(`unwraps ${innerName} from ${tunnel} over ${outerName}`, () => {
          using program = load(createHost());
          const expected = { reason: "unwrapped", frame: frame(link, inner, segment) };
          expect(program.run(frame(link, outer, ...parts, inner, segment))).toEqual(expected);
        });
      }
    }
  }

  test.each(refusals)("leaves to the stack, or drops: %s", (_name, packet, reason) => {
    using program = load(createHost());
    const isDropped = reason === "badChecksum";
    expect(program.run(packet)).toEqual({ reason, frame: isDropped ? "dropped" : packet });
  });

  test("marks of congestion come through (RFC 6040)", () => {
    using program = load(createHost());
    const mark = (outer: number, inner: number): Unwrapped =>
      program.run(
        frame(link, ipv4({ ...outer4, typeOfService: outer }), ipv4({ ...inner4, typeOfService: inner }), segment),
      );
    const expected = (inner: number) => ({
      reason: "unwrapped",
      frame: frame(link, ipv4({ ...inner4, typeOfService: inner }), segment),
    });
    expect(mark(3, 2)).toEqual(expected(3));
    expect(mark(3, 1)).toEqual(expected(3));
    expect(mark(1, 2)).toEqual(expected(1));
    expect(mark(2, 1)).toEqual(expected(1));
    expect(mark(0, 3)).toEqual(expected(3));
    expect(mark(3, 0)).toEqual({ reason: "congestion", frame: "dropped" });
  });

  test(`does to ${rounds} damaged frames what the twin does`, () => {
    using program = load(createHost());
    const random = seededRandom(20_261_128);
    const seen = new Set<Unwrapped["reason"]>();
    for (let round = 0; round < rounds; round += 1) {
      const packet = randomFrame(random);
      const expected = unwrapTwin(packet, options);
      expect({ ...program.run(packet), packet: toHex(packet) }).toEqual({ ...expected, packet: toHex(packet) });
      seen.add(expected.reason);
    }
    expect(seen.size).toBeGreaterThan(6);
  });
}

/** A packet in a tunnel, of which every other one is damaged. */
function randomFrame(random: Random): Uint8Array {
  const ecn = (): number => random.below(4);
  const ports = { sourcePort: 4242, destinationPort: random.pick([80, 53, 81]) };
  const payload = random.bytes(random.below(40));
  const transport = random.chance(0.7) ? tcp(ports) : udp(ports);
  const destination = random.pick([VIP4, VIP4, "198.51.100.11", "198.51.100.12"]);
  const inner = random.chance(0.6)
    ? ipv4({ ...inner4, destination, typeOfService: ecn(), moreFragments: random.chance(0.1) })
    : ipv6({ ...inner6, trafficClass: ecn() });
  const outer = random.chance(0.6)
    ? ipv4({ ...outer4, source: random.pick(["10.0.0.1", "10.0.1.1"]), typeOfService: ecn() })
    : ipv6({ ...outer6, trafficClass: ecn() });
  const [first = [], ...others] = Object.values(TUNNELS);
  const tunnel = random.pick([first, ...others]);
  const whole = frame(link, outer, ...tunnel, inner, transport, payload);
  const isTestable = (bytes: Uint8Array): boolean => bytes.length >= 14 && bytes.length < 3000;
  const damaged = random.chance(0.5) ? mutateFrame(whole, random) : whole;
  return isTestable(damaged) ? damaged : whole;
}
