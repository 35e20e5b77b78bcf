// The reference's reading of a frame: byte by byte, from the outside in; the first thing that is wrong is
// the reason why the frame is none of the balancer's business.

import { foldSum, formatAddress, formatMac, sumWords } from "@yardmaster/packet";
import type { FamilyName, ReasonName } from "../../src/index.ts";

/** A frame up to what its IP packet carries. */
export interface ReadPacket {
  readonly tags: readonly Uint8Array[];
  /** Offset of the IP header. */
  readonly ipAt: number;
  /** Offset of what follows the IP header. */
  readonly transportAt: number;
  /** Where the IP packet ends; bytes behind are padding. */
  readonly endsAt: number;
  readonly totalLength: number;
  readonly ttl: number;
  /** Must not be fragmented on its way. */
  readonly isWhole: boolean;
  /** Of fragments: what tells their datagram from others, and whether it is not the first. */
  readonly fragment?: { readonly datagram: string; readonly isLater: boolean };
  /** Number of the protocol. */
  readonly next: number;
  readonly source: string;
  readonly destination: string;
}

/** A TCP or UDP packet that the balancer may have to forward. */
export interface ReadFrame extends ReadPacket {
  readonly protocol: "tcp" | "udp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
}

/** What an IP header says, of either version. */
type IpHeader = Omit<ReadPacket, "tags" | "ipAt">;

/** The bytes of a frame, read one after another; what is missing is 0. */
export function reader(bytes: Uint8Array) {
  const byte = (at: number) => bytes[at] ?? 0;
  return {
    has: (end: number) => bytes.length >= end,
    byte,
    word: (at: number) => (byte(at) << 8) | byte(at + 1),
    address: (at: number, length: number) => formatAddress(bytes.subarray(at, at + length)),
  };
}

/** What a frame is, or why it passes; packets of other families than these are none of the balancer's. */
export function readFrame(
  bytes: Uint8Array,
  macs: readonly string[],
  families: readonly FamilyName[] = ["ipv4"],
): ReadFrame | ReasonName {
  const packet = readPacket(bytes, macs, families);
  if (typeof packet === "string") return packet;
  if (packet.fragment?.isLater === true) return "fragment";
  const transport = readTransport(bytes, packet);
  return typeof transport === "string" ? transport : { ...packet, ...transport };
}

/** The same up to the IP header. */
export function readPacket(
  bytes: Uint8Array,
  macs: readonly string[],
  families: readonly FamilyName[] = ["ipv4"],
): ReadPacket | ReasonName {
  const { has, word } = reader(bytes);
  if (!has(14)) return "truncated";
  if (!macs.includes(formatMac(bytes.subarray(0, 6)))) return "notForThisHost";

  const tags: Uint8Array[] = [];
  let typeAt = 12;
  while (word(typeAt) === 0x8100 || word(typeAt) === 0x88a8) {
    if (tags.length === 2) return "tooManyTags";
    if (!has(typeAt + 6)) return "truncated";
    tags.push(bytes.slice(typeAt, typeAt + 4));
    typeAt += 4;
  }
  const type = word(typeAt);
  const ipAt = typeAt + 2;
  const isOf = (family: FamilyName, number: number) => type === number && families.includes(family);
  const ip = isOf("ipv4", 0x0800)
    ? readIpv4(bytes, ipAt)
    : isOf("ipv6", 0x86dd)
      ? readIpv6(bytes, ipAt)
      : "otherProtocol";
  return typeof ip === "string" ? ip : { tags, ipAt, ...ip };
}

function readIpv4(bytes: Uint8Array, ipAt: number): IpHeader | ReasonName {
  const { has, byte, word, address } = reader(bytes);
  if (!has(ipAt + 20)) return "truncated";
  const headerLength = (byte(ipAt) & 15) * 4;
  if (byte(ipAt) >> 4 !== 4 || headerLength < 20) return "malformedIp";
  const totalLength = word(ipAt + 2);
  if (!has(ipAt + totalLength)) return "truncated";
  if (!has(ipAt + headerLength)) return "truncated";
  if (foldSum(sumWords(bytes.subarray(ipAt, ipAt + headerLength))) !== 0xffff) return "badIpChecksum";
  if (totalLength < headerLength) return "malformedIp";
  const [source, destination] = [address(ipAt + 12, 4), address(ipAt + 16, 4)];
  const datagram = [source, destination, word(ipAt + 4), byte(ipAt + 9)].join(" ");
  const isFragment = (word(ipAt + 6) & 0x3fff) !== 0;
  return {
    ...(isFragment && { fragment: { datagram, isLater: (word(ipAt + 6) & 0x1fff) !== 0 } }),
    transportAt: ipAt + headerLength,
    endsAt: ipAt + totalLength,
    totalLength,
    ttl: byte(ipAt + 8),
    isWhole: (byte(ipAt + 6) & 0x40) !== 0,
    next: byte(ipAt + 9),
    source,
    destination,
  };
}

function readIpv6(bytes: Uint8Array, ipAt: number): IpHeader | ReasonName {
  const { has, byte, word, address } = reader(bytes);
  if (!has(ipAt + 40)) return "truncated";
  if (byte(ipAt) >> 4 !== 6) return "malformedIp";
  const totalLength = 40 + word(ipAt + 4);
  if (!has(ipAt + totalLength)) return "truncated";
  const header = {
    endsAt: ipAt + totalLength,
    totalLength,
    ttl: byte(ipAt + 7),
    isWhole: true,
    source: address(ipAt + 8, 16),
    destination: address(ipAt + 24, 16),
  };
  if (byte(ipAt + 6) !== 44) return { ...header, transportAt: ipAt + 40, next: byte(ipAt + 6) };
  if (!has(ipAt + 48)) return "truncated";
  if (totalLength < 48) return "malformedIp";
  const next = byte(ipAt + 40);
  const datagram = [header.source, header.destination, word(ipAt + 44), word(ipAt + 46), next].join(" ");
  const isLater = (word(ipAt + 42) & 0xfff8) !== 0;
  return { ...header, fragment: { datagram, isLater }, transportAt: ipAt + 48, next };
}

/** The ports and flags of a packet that has a transport header, or why it passes. */
export function readTransport(bytes: Uint8Array, { transportAt, endsAt, next, fragment }: IpHeader) {
  const { has, byte, word } = reader(bytes);
  if (!has(transportAt + 4)) return "truncated";
  if (next !== 6 && next !== 17) return "notTcpOrUdp";
  const least = next === 6 ? 20 : 8;
  if (!has(transportAt + least)) return "truncated";
  const stated = next === 6 ? (byte(transportAt + 12) >> 4) * 4 : word(transportAt + 4);
  // A first fragment tells the length of the whole datagram.
  const isCutOff = stated > endsAt - transportAt && (next === 6 || fragment === undefined);
  if (stated < least || isCutOff) return "malformedTransport";
  return {
    protocol: next === 6 ? ("tcp" as const) : ("udp" as const),
    sourcePort: word(transportAt),
    destinationPort: word(transportAt + 2),
    flags: next === 6 ? byte(transportAt + 13) : 0,
  };
}
