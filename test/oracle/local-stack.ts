// The director's own network stack, for packets that the balancer leaves to it: a Linux host with these addresses where
// nobody listens, which forwards what is not for itself. Answers are built as Linux 6.1 builds them.
import {
  checksumProblems,
  ethernet,
  etherTypes,
  foldSum,
  fragmentFrame,
  frame,
  type FramePart,
  icmp4,
  icmp6,
  isFragment,
  type Ipv4,
  type Ipv6,
  ipv4,
  ipv6,
  type Layer,
  layerOf,
  type ParsedFrame,
  parseFrame,
  statedEnd,
  type Tcp,
  tcp,
} from "@yardmaster/packet";
import type { Packet } from "./subject.ts";
import { directorAddresses, familyOf, links, type Side, wayTo } from "./topology.ts";

/** What the answers depend on. */
export interface Host {
  /** "own": the host has the address; "marked": a firewall mark alone brings the packet in; "none": for others. */
  readonly claimOn: (address: string) => "own" | "marked" | "none";
  /** The MTU of the link on that side. */
  readonly mtuOf: (side: Side) => number;
}

/** An ICMP error as both families have it. */
interface IcmpError {
  readonly ipv4: { readonly type: number; readonly code: number; readonly mtu?: number };
  readonly ipv6: { readonly type: number; readonly code: number; readonly mtu?: number };
}

/** include/uapi/linux/icmp.h, icmpv6.h */
const PORT_UNREACHABLE: IcmpError = { ipv4: { type: 3, code: 3 }, ipv6: { type: 1, code: 4 } };
const TIME_EXCEEDED: IcmpError = { ipv4: { type: 11, code: 0 }, ipv6: { type: 3, code: 0 } };
const tooBig = (mtu: number): IcmpError => ({ ipv4: { type: 3, code: 4, mtu }, ipv6: { type: 2, code: 0, mtu } });

/** What an IP packet with an ICMP error in it holds at most (RFC 1812 §4.3.2.3, RFC 4443 §2.4). */
const ERROR_LIMIT = { ipv4: 576, ipv6: 1280 } as const;
/** Precedence "internetwork control" of ICMP errors, beside the packet's own service bits (net/ipv4/icmp.c). */
const CONTROL_PRECEDENCE = 0xc0;
const SERVICE_BITS = 0x1e;

/**
 * What leaves the host because of a frame that its network stack got on `side`. Damaged packets and those for other
 * hosts' MAC addresses vanish; so do fragments for the host itself, which it would wait for the rest of.
 */
export function stackAnswers({ side, frame: bytes }: Packet, host: Host): readonly Packet[] {
  const packet = parseFrame(bytes);
  const ip = layerOf(packet, "ipv4") ?? layerOf(packet, "ipv6");
  const isForUs = layerOf(packet, "ethernet")?.destination === links[side].mac;
  if (ip === undefined || !isForUs || checksumProblems(bytes).length > 0) return [];
  const claim = directorAddresses.has(ip.destination) ? "own" : host.claimOn(ip.destination);
  if (claim === "none") return forward(packet, ip, side, host);
  // Answers carry no mark, and without one the address is not the host's: IPv4 sends nothing from it. (Recorded.)
  if (claim === "marked" && ip.layer === "ipv4") return [];
  return isFragment([ip]) ? [] : answer(packet, ip);
}

function answer(packet: ParsedFrame, ip: Ipv4 | Ipv6): readonly Packet[] {
  const own = packet.layers.slice(0, packet.ownLayers).at(-1);
  switch (own?.layer) {
    case "tcp":
      return own.flags.includes("R") ? [] : [reply(ip, reset(own, packet.remaining.length))];
    case "udp":
      return [icmpError(packet, ip, PORT_UNREACHABLE, ip.destination)];
    case "icmp4":
      return own.type === 8 ? [reply(ip, icmp4({ type: 0, rest: own.rest }), packet.remaining)] : [];
    case "icmp6":
      return own.type === 128 ? [reply(ip, icmp6({ type: 129, rest: own.rest }), packet.remaining)] : [];
    default:
      return [];
  }
}

/** The answer to a segment for a port that nobody listens on (RFC 9293 §3.10.7.1). */
function reset(to: Tcp, payloadLength: number): Layer {
  const ports = { sourcePort: to.destinationPort, destinationPort: to.sourcePort, window: 0 };
  if (to.flags.includes("A")) return tcp({ ...ports, flags: "R", sequence: to.acknowledgment });
  const length = payloadLength + (to.flags.includes("S") ? 1 : 0) + (to.flags.includes("F") ? 1 : 0);
  return tcp({ ...ports, flags: "RA", acknowledgment: (to.sequence + length) >>> 0 });
}

/** A packet back to where `ip` came from, with its service bits; TCP is never fragmented. */
function reply(ip: Ipv4 | Ipv6, ...contents: readonly FramePart[]): Packet {
  const ends = { source: ip.destination, destination: ip.source };
  const isTcp = typeof contents[0] === "object" && "layer" in contents[0] && contents[0].layer === "tcp";
  const header =
    ip.layer === "ipv4"
      ? ipv4({ ...ends, typeOfService: ip.typeOfService, dontFragment: isTcp })
      : ipv6({ ...ends, trafficClass: ip.trafficClass });
  return leave(ip.source, header, ...contents);
}

function leave(towards: string, ...parts: readonly FramePart[]): Packet {
  const { side, ...macs } = wayTo(towards);
  return { side, frame: frame(ethernet(macs), ...parts) };
}

/** An error about `packet`, quoting as much of it as there is room for. */
function icmpError(packet: ParsedFrame, ip: Ipv4 | Ipv6, error: IcmpError, source: string): Packet {
  const end = Math.min(packet.bytes.length, statedEnd(ip) ?? packet.bytes.length);
  const headers = (ip.layer === "ipv4" ? 20 : 40) + 8;
  const quote = packet.bytes.subarray(ip.offset, Math.min(end, ip.offset + ERROR_LIMIT[ip.layer] - headers));
  const ends = { source, destination: ip.source };
  if (ip.layer === "ipv6") return leave(ip.source, ipv6(ends), icmp6(error.ipv6), quote);
  const typeOfService = CONTROL_PRECEDENCE | (ip.typeOfService & SERVICE_BITS);
  return leave(ip.source, ipv4({ ...ends, typeOfService }), icmp4(error.ipv4), quote);
}

/** Sends a packet on as a router does, or tells its sender why not. */
function forward(packet: ParsedFrame, ip: Ipv4 | Ipv6, from: Side, host: Host): readonly Packet[] {
  const ownAddress = links[from].addresses[familyOf(ip.source) === "ipv4" ? 0 : 1];
  const ttl = ip.layer === "ipv4" ? ip.ttl : ip.hopLimit;
  if (ttl <= 1) return [icmpError(packet, ip, TIME_EXCEEDED, ownAddress)];
  const { side, ...macs } = wayTo(ip.destination);
  const mtu = host.mtuOf(side);
  const length = (statedEnd(ip) ?? packet.bytes.length) - ip.offset;
  const mayFragment = ip.layer === "ipv4" && !ip.dontFragment;
  if (length > mtu && !mayFragment) return [icmpError(packet, ip, tooBig(mtu), ownAddress)];
  const forwarded = withLowerTtl(packet.bytes.slice(ip.offset, ip.offset + length), ip);
  const sent = frame(ethernet({ ...macs, type: etherTypes[ip.layer] }), forwarded);
  return fragmentFrame(sent, mtu).map((bytes) => ({ side, frame: bytes }));
}

/** The packet with one less to live, and the checksum that goes with it: the word that holds the TTL is 0x100 less. */
function withLowerTtl(packet: Uint8Array, ip: Ipv4 | Ipv6): Uint8Array {
  const view = new DataView(packet.buffer);
  const at = ip.layer === "ipv4" ? 8 : 7;
  view.setUint8(at, view.getUint8(at) - 1);
  if (ip.layer === "ipv4") view.setUint16(10, foldSum(ip.checksum + 0x100));
  return packet;
}
