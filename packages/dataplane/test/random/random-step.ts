// Random traffic: what happens next to a balancer. Mostly what clients and servers do; at times what
// nobody should send, and what people change. Looks at the reference to know which connections there are.

import {
  ethernet,
  fragmentFrame,
  frame,
  icmp4,
  icmp6,
  ipv4,
  ipv6,
  mutateFrame,
  type Random,
  randomFrame,
  routerAlert,
  tcp,
  tcpFlagsToText,
  udp,
} from "@yardmaster/packet";
import { familyOf } from "../compiled.ts";
import { director, gatewayMac, type SettingsPlan, type Thresholds, TICKS_PER_SECOND } from "../plan.ts";
import { readFrame } from "../reference/read-frame.ts";
import type { Reaped } from "../reference/templates.ts";
import type { ReferenceBalancer, ReferenceConnection } from "../reference/reference-balancer.ts";
import { addresses, randomSettings, randomThresholds } from "./random-plan.ts";

export type Step =
  | { readonly kind: "packet"; readonly frame: Uint8Array }
  | { readonly kind: "time"; readonly ticks: number }
  | { readonly kind: "reap"; readonly of: Reaped }
  | { readonly kind: "weights"; readonly service: number; readonly weights: readonly number[] }
  | { readonly kind: "thresholds"; readonly destination: number; readonly thresholds: Thresholds }
  | { readonly kind: "removal"; readonly destination: number; readonly state: "removed" | "listed" }
  | { readonly kind: "verdict"; readonly destination: number; readonly state: "down" | "up" }
  | { readonly kind: "settings"; readonly settings: SettingsPlan };

const clientPorts = [40000, 40000, 40001, 20] as const;
const usualFlags = ["S", "S", "S", "SA", "A", "A", "PA", "FA", "R", "RA", ""] as const;

interface Ends {
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

function ipHeader(random: Random, { source, destination }: Ends) {
  const ttl = random.chance(0.05) ? random.below(3) : 2 + random.below(254);
  const typeOfService = random.chance(0.2) ? random.below(256) : 0;
  if (familyOf(source) === "ipv6") {
    const flowLabel = random.below(2 ** 20);
    return ipv6({ source, destination, hopLimit: ttl, trafficClass: typeOfService, flowLabel });
  }
  const options = random.chance(0.1) ? [routerAlert] : [];
  const dontFragment = random.chance(0.5);
  const identification = random.below(65536);
  return ipv4({ source, destination, ttl, typeOfService, options, identification, dontFragment });
}

/** Mostly none; of those that are, some say who the client is, and some are not what they say. */
function randomOptions(random: Random): Uint8Array {
  if (random.chance(0.6)) return new Uint8Array();
  const one = (): readonly number[] =>
    random.pick([
      [1],
      [2, 4, 5, 180],
      [2, random.pick([4, 4, 4, 3, 6]), ...random.bytes(2)],
      [8, 10, ...random.bytes(8)],
      [254, 8, ...random.bytes(6)],
      [253, 20, ...random.bytes(18)],
      [254, random.below(30), ...random.bytes(random.below(9))],
      [random.below(256), random.below(12)],
    ]);
  const bytes = Array.from({ length: 1 + random.below(4) }, one)
    .flat()
    .slice(0, 40);
  return Uint8Array.from({ length: Math.ceil(bytes.length / 4) * 4 }, (_, at) => bytes[at] ?? 0);
}

function packet(random: Random, ends: Ends): Uint8Array {
  const { protocol, sourcePort, destinationPort } = ends;
  const vlan = random.chance(0.15) ? [{ id: random.below(4095), priority: random.below(8) }] : [];
  const macs = ethernet({
    source: gatewayMac,
    destination: director.mac,
    vlan: random.chance(0.1) ? [...vlan, 9] : vlan,
  });
  const flags = random.chance(0.1) ? tcpFlagsToText(random.below(256)) : random.pick(usualFlags);
  const wrong = random.chance(0.1) ? { checksum: random.pick([0, 0xffff, random.below(65536)]) } : {};
  const ports = { sourcePort, destinationPort, ...wrong };
  const numbers = { sequence: random.u32(), acknowledgment: random.u32() };
  const transport =
    protocol === "tcp"
      ? tcp({ ...ports, flags, ...numbers, options: [{ kind: "malformed", data: randomOptions(random) }] })
      : udp(ports);
  const whole = frame(macs, ipHeader(random, ends), transport, random.bytes(random.below(40)));
  return random.chance(0.1) ? Uint8Array.of(...whole, ...random.bytes(random.below(20))) : whole;
}

function some<T>(random: Random, values: readonly T[]): T | undefined {
  return values[random.below(values.length)];
}

function clientPacket(random: Random, reference: ReferenceBalancer): Uint8Array {
  const service = some(random, reference.services);
  const to = some(random, service?.endpoints ?? []);
  const known = some(random, reference.connections);
  if (known !== undefined && random.chance(0.5)) return packet(random, known.flow);
  const family = familyOf(to?.address ?? "198.51.100.10");
  // The port of a known connection again, for another service: their replies may be the same flow.
  const isAgain = random.chance(0.3) && known !== undefined && familyOf(known.flow.source) === family;
  return packet(random, {
    protocol: to?.protocol ?? "tcp",
    source: isAgain ? known.flow.source : random.pick(addresses[family].clients),
    sourcePort: isAgain ? known.flow.sourcePort : random.pick(clientPorts),
    destination: to?.address ?? addresses[family].vips[0],
    destinationPort: to?.port ?? 80,
  });
}

/** The address that a server answers from: one of the other family in a tunnel knows only the service's. */
function serverAddress({ flow, local, destination: { address } }: ReferenceConnection): string {
  return local !== undefined || familyOf(address) === familyOf(flow.source) ? address : flow.destination;
}

function serverPacket(random: Random, connection: ReferenceConnection): Uint8Array {
  const { flow, destination, local } = connection;
  const source = serverAddress(connection);
  // To the client, as nat's do: full NAT knows nothing of such a packet, and the families must be one.
  const isLocal = local !== undefined && (familyOf(local.address) !== familyOf(flow.source) || random.chance(0.7));
  const to = isLocal ? local : { address: flow.source, port: flow.sourcePort };
  return packet(random, {
    protocol: flow.protocol,
    ...{ source, sourcePort: destination.port },
    ...{ destination: to.address, destinationPort: to.port },
  });
}

/** A fragment of a datagram of the connection, client's or server's; there are few datagrams, so that some meet. */
function fragment(random: Random, connection: ReferenceConnection): Uint8Array {
  const { flow, destination, local } = connection;
  const peer = local ?? { address: flow.source, port: flow.sourcePort };
  const isBack = random.chance(0.4);
  const ends: Ends = isBack
    ? {
        ...flow,
        source: serverAddress(connection),
        sourcePort: destination.port,
        destination: peer.address,
        destinationPort: peer.port,
      }
    : flow;
  const { protocol, sourcePort: from, destinationPort: to } = ends;
  const ports = { sourcePort: from, destinationPort: to };
  const transport = protocol === "tcp" ? tcp({ ...ports, flags: "A" }) : udp(ports);
  const identification = random.below(2);
  const { source: sender, destination: receiver } = ends;
  const header =
    familyOf(sender) === "ipv4"
      ? ipv4({ source: sender, destination: receiver, identification })
      : ipv6({ source: sender, destination: receiver });
  const whole = frame(
    ethernet({ source: gatewayMac, destination: director.mac }),
    header,
    transport,
    random.bytes(1000),
  );
  const all = fragmentFrame(whole, 500, identification);
  const picked = random.pick(all as [Uint8Array]);
  return random.chance(0.1) ? damaged(random, picked) : picked;
}

/** ICMP: an error about a packet of the connection, as one or the other end had it, or a ping to the service. */
function icmpPacket(random: Random, connection: ReferenceConnection): Uint8Array {
  const { flow, destination, local } = connection;
  const { source, destination: vip, protocol } = flow;
  const isAboutAnswer = random.chance(0.5);
  const isV4 = familyOf(isAboutAnswer ? source : (local?.address ?? source)) === "ipv4";
  const macs = ethernet({ source: gatewayMac, destination: director.mac });
  const message = (type: number, code = 0) =>
    isV4 ? icmp4({ type, code, rest: 1300 }) : icmp6({ type, code, rest: 1300 });
  const header = (ends: Pick<Ends, "source" | "destination">) => ipHeader(random, { ...flow, ...ends });
  if (random.chance(0.2)) {
    const type = familyOf(source) === "ipv4" ? 8 : 128;
    return frame(
      macs,
      header(flow),
      (type === 8 ? icmp4 : icmp6)({ type, code: 0, rest: 1300 }),
      random.bytes(random.below(20)),
    );
  }
  const server = serverAddress(connection);
  const peer = local ?? { address: source, port: flow.sourcePort };
  const quoted = isAboutAnswer ? { source: vip, destination: source } : { source: peer.address, destination: server };
  const ports = isAboutAnswer
    ? { sourcePort: flow.destinationPort, destinationPort: flow.sourcePort }
    : { sourcePort: peer.port, destinationPort: destination.port };
  const senders = [source, server, vip].filter((one) => familyOf(one) === familyOf(quoted.source));
  const ends = { source: random.pick(senders as [string]), destination: quoted.source };
  const type = random.pick(isV4 ? [3, 4, 11, 12, 5] : [1, 2, 3, 4]);
  const transport = protocol === "tcp" ? tcp({ ...ports, checksum: 1 }) : udp({ ...ports, checksum: 1 });
  const about = frame(header(quoted), transport, random.bytes(4));
  const shown = random.chance(0.1) ? about.subarray(0, random.below(about.length)) : about;
  const whole = frame(macs, header(ends), message(type, random.below(5)), shown);
  return random.chance(0.1) ? damaged(random, whole) : whole;
}

const all = ({ clients, vips, servers }: (typeof addresses)["ipv4"]) => [...clients, ...vips, ...servers];

/**
 * The frame, damaged. Not so that it comes from an address that nobody has: IPv6 has no checksum that would tell, and
 * the way back to that client is not known.
 */
function damaged(random: Random, bytes: Uint8Array): Uint8Array {
  const changed = mutateFrame(bytes, random);
  const read = readFrame(changed, [director.mac], ["ipv6"]);
  const isFromNobody = typeof read !== "string" && !all(addresses.ipv6).includes(read.source);
  return isFromNobody ? bytes : changed;
}

function strangePacket(random: Random): Uint8Array {
  const choices = {
    macs: [director.mac, director.mac, gatewayMac],
    ipv4: all(addresses.ipv4),
    ipv6: all(addresses.ipv6),
    ports: [80, 53, 8080, 5353, ...clientPorts],
  } as const;
  const whole = randomFrame(random, choices as never);
  return random.chance(0.5) ? damaged(random, whole) : whole;
}

/** Time: moments, or up to the very tick at which some connection or template ends, or far beyond. */
function ticks(random: Random, { connections, allTemplates, now }: ReferenceBalancer): number {
  const until = (ending: { readonly expiresAt: number } | undefined) =>
    ending === undefined ? 1 : Math.max(0, ending.expiresAt - now + random.below(3) - 1);
  return random.pick([
    random.below(5),
    random.below(2 * TICKS_PER_SECOND),
    TICKS_PER_SECOND - 1,
    TICKS_PER_SECOND,
    until(some(random, connections)),
    until(some(random, connections)),
    until(some(random, allTemplates)),
    random.chance(0.3) ? 2_000_000 : 0,
  ]);
}

/** What somebody changes. */
function change(random: Random, reference: ReferenceBalancer): Step {
  const service = random.below(reference.services.length);
  const destination = some(random, reference.destinations);
  const kind = random.below(8);
  const hasThresholds = reference.plan.shape?.features?.includes("thresholds") === true;
  if (kind < 3 || destination === undefined) {
    const weights = (reference.services[service]?.destinations ?? []).map(() => random.below(5));
    return { kind: "weights", service, weights };
  }
  const { index, isAvailable, isDown } = destination;
  if (kind === 5) return { kind: "verdict", destination: index, state: isDown ? "up" : "down" };
  if (kind < 5) return { kind: "removal", destination: index, state: isAvailable ? "removed" : "listed" };
  if (kind === 6 && hasThresholds) {
    return { kind: "thresholds", destination: index, thresholds: randomThresholds(random) };
  }
  const { dropRate: _same, ...settings } = randomSettings(random);
  return { kind: "settings", settings };
}

/** Whether a connection's client and server are of two families, and packets are translated. */
function isCrossed({ local, flow }: ReferenceConnection): boolean {
  return local !== undefined && familyOf(local.address) !== familyOf(flow.source);
}

/** The next step. `earlier` are frames that were sent before. Frames are what the kernel's test run takes. */
export function randomStep(random: Random, reference: ReferenceBalancer, earlier: readonly Uint8Array[]): Step {
  const roll = random.below(100);
  const known = some(random, reference.connections);
  if (roll < 12) return { kind: "time", ticks: ticks(random, reference) };
  if (roll < 15) return { kind: "reap", of: random.pick(["expired", "expired", "ofRemoved"]) };
  if (roll < 20) return change(random, reference);
  if (roll < 62) return { kind: "packet", frame: clientPacket(random, reference) };
  if (roll < 82 && known !== undefined) return { kind: "packet", frame: serverPacket(random, known) };
  const again = some(random, earlier);
  if (roll < 90 && again !== undefined) {
    const bytes = random.chance(0.3) ? damaged(random, again) : again;
    return { kind: "packet", frame: bytes };
  }
  const crossed = some(random, reference.connections.filter(isCrossed));
  const one = random.chance(0.5) ? (crossed ?? known) : known;
  if (roll < 93 && one !== undefined) return { kind: "packet", frame: icmpPacket(random, one) };
  if (roll < 96 && one !== undefined) return { kind: "packet", frame: fragment(random, one) };
  return { kind: "packet", frame: strangePacket(random) };
}
