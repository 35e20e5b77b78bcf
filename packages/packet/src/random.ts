// Random frames that are valid, from a seed: the same seed gives the same frames on every machine.
// mutate.ts makes them invalid. Property tests of the data plane live on both.
import { arp } from "./arp.ts";
import type { FramePart } from "./build.ts";
import { frame } from "./build.ts";
import { ethernet } from "./ethernet.ts";
import { fragmentFrame } from "./fragment.ts";
import { icmp4, icmp6 } from "./icmp.ts";
import { ipv4, recordRoute, routerAlert } from "./ipv4.ts";
import type { Ipv6Extension } from "./ipv6.ts";
import { ipv6, ipv6Extension } from "./ipv6.ts";
import type { HeaderOption } from "./options.ts";
import { noOperation } from "./options.ts";
import { maximumSegmentSize, sackPermitted, tcp, tcpFlagsToText, timestamps, windowScale } from "./tcp.ts";
import { gre, gue, guePort } from "./tunnel.ts";
import { udp } from "./udp.ts";

/** A source of reproducible random numbers. */
export interface Random {
  /** 0 to 2^32 - 1. */
  u32(): number;
  /** 0 to `limit` - 1. */
  below(limit: number): number;
  /** True with that probability, 0 to 1. */
  chance(probability: number): boolean;
  pick<Value>(values: readonly [Value, ...Value[]]): Value;
  bytes(length: number): Uint8Array;
}

/** Random numbers that follow from the seed alone (the mulberry32 generator). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const u32 = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number) => Math.floor((u32() / 2 ** 32) * limit);
  return {
    u32,
    below,
    chance: (probability) => u32() < probability * 2 ** 32,
    pick: (values) => values[below(values.length)] ?? values[0],
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
}

type Some<Value> = readonly [Value, ...Value[]];

/** What random frames draw from, so that some of them meet the services under test. */
export interface RandomFrameChoices {
  readonly macs?: Some<string>;
  readonly ipv4?: Some<string>;
  readonly ipv6?: Some<string>;
  readonly ports?: Some<number>;
}

const defaults: Required<RandomFrameChoices> = {
  macs: ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"],
  ipv4: ["192.0.2.1", "198.51.100.10", "203.0.113.7", "10.0.0.11"],
  ipv6: ["2001:db8::1", "2001:db8:1::10", "fd00::7", "fe80::1"],
  ports: [53, 80, 443, 8080, 40000, 65535],
};

type Choices = Required<RandomFrameChoices>;

function tcpOptions(random: Random): readonly HeaderOption[] {
  const all = [
    maximumSegmentSize(1460),
    sackPermitted,
    timestamps(random.u32(), random.u32()),
    windowScale(7),
    noOperation,
  ];
  return all.filter(() => random.chance(0.4));
}

function contents(random: Random): Uint8Array {
  return random.bytes(random.chance(0.2) ? 0 : random.below(random.chance(0.1) ? 1400 : 100));
}

function transport(random: Random, choices: Choices, family: 4 | 6): readonly FramePart[] {
  const ports = { sourcePort: random.pick(choices.ports), destinationPort: random.pick(choices.ports) };
  const kind = random.below(10);
  if (kind < 5) {
    const fields = { sequence: random.u32(), acknowledgment: random.u32(), window: random.below(65536) };
    const flags = random.pick(["S", "SA", "A", "PA", "FA", "R", "RA", tcpFlagsToText(random.below(256))]);
    return [tcp({ ...ports, ...fields, flags, options: tcpOptions(random) }), contents(random)];
  }
  if (kind < 8) {
    // UDP may go without checksum over IPv4 only.
    const none = family === 4 && random.chance(0.2) ? { checksum: 0 } : {};
    return [udp({ ...ports, ...none }), contents(random)];
  }
  const echo = { identifier: random.below(65536), sequence: random.below(65536) };
  if (kind === 8) {
    const type = random.below(2);
    const header = family === 4 ? icmp4({ type: type * 8, ...echo }) : icmp6({ type: 128 + type, ...echo });
    return [header, contents(random)];
  }
  const quote = frame(ipHeader(random, choices, family), ...transport(random, choices, family));
  const quoted = quote.subarray(0, Math.min(quote.length, 548));
  if (family === 6) return [icmp6({ type: 1 + random.below(4), code: 0 }), quoted];
  return [icmp4({ type: random.pick([3, 11, 12]), code: random.below(5) }), quoted.subarray(0, 28 + random.below(60))];
}

function ipHeader(random: Random, choices: Choices, family: 4 | 6) {
  if (family === 4) {
    const options = [routerAlert, recordRoute(2), noOperation].filter(() => random.chance(0.1));
    return ipv4({
      source: random.pick(choices.ipv4),
      destination: random.pick(choices.ipv4),
      typeOfService: random.chance(0.3) ? random.below(256) : 0,
      identification: random.below(65536),
      dontFragment: random.chance(0.5),
      ttl: 1 + random.below(255),
      options,
    });
  }
  const extensions: readonly Ipv6Extension[] = [
    ipv6Extension("hopByHop", Uint8Array.of(5, 2, 0, 0)),
    ipv6Extension("destinationOptions", Uint8Array.of(1, 4, 0, 0, 0, 0)),
  ].filter(() => random.chance(0.1));
  return ipv6({
    source: random.pick(choices.ipv6),
    destination: random.pick(choices.ipv6),
    trafficClass: random.chance(0.3) ? random.below(256) : 0,
    flowLabel: random.below(2 ** 20),
    hopLimit: 1 + random.below(255),
    extensions,
  });
}

/** A packet, sometimes inside a tunnel. */
function packet(random: Random, choices: Choices): readonly FramePart[] {
  const family = random.chance(0.6) ? 4 : 6;
  const inner = [ipHeader(random, choices, family), ...transport(random, choices, family)];
  if (!random.chance(0.1)) return inner;
  const outer = ipHeader(random, choices, random.chance(0.5) ? 4 : 6);
  const tunnels: Some<readonly FramePart[]> = [
    [],
    [gre({ checksum: "computed" })],
    [gre({ key: random.u32() })],
    [udp({ sourcePort: 40000, destinationPort: guePort }), gue()],
  ];
  return [outer, ...random.pick(tunnels), ...inner];
}

/**
 * A valid Ethernet frame: mostly TCP, UDP and ICMP (errors too) over IPv4 and IPv6, with VLAN tags, options, extension
 * headers, tunnels and fragments at times, ARP and unknown protocols rarely. At most about 1600 bytes.
 */
export function randomFrame(random: Random, choices: RandomFrameChoices = {}): Uint8Array {
  const all = { ...defaults, ...choices };
  const vlan = Array.from({ length: random.chance(0.15) ? 1 + random.below(2) : 0 }, () => random.below(4095));
  const macs = { source: random.pick(all.macs), destination: random.pick(all.macs), vlan };
  const kind = random.below(50);
  if (kind === 0) {
    const addresses = { senderAddress: random.pick(all.ipv4), targetAddress: random.pick(all.ipv4) };
    return frame(ethernet(macs), arp({ senderMac: macs.source, ...addresses }));
  }
  if (kind === 1) return frame(ethernet({ ...macs, type: random.pick([0x88cc, 0x8035, 60]) }), random.bytes(60));
  if (kind === 2) {
    const header = { source: random.pick(all.ipv4), destination: random.pick(all.ipv4) };
    const protocol = random.pick([2, 89, 112, 132, 255]);
    return frame(ethernet(macs), ipv4({ ...header, protocol }), random.bytes(40));
  }
  const whole = frame(ethernet(macs), ...packet(random, all));
  if (!random.chance(0.1)) return whole;
  const pieces = fragmentFrame(whole, 8 * (16 + random.below(100)), random.u32());
  return pieces[random.below(pieces.length)] ?? whole;
}
