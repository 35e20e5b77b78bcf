// The reference's reading of a frame: byte by byte, from the outside in; the first thing that is wrong is
// the reason why the frame is none of the balancer's business.

import { foldSum, formatAddress, formatMac, sumWords } from "@yardmaster/packet";
import type { ReasonName } from "../../src/index.ts";

/** A TCP or UDP packet that the balancer may have to forward. */
export interface ReadFrame {
  readonly tags: readonly Uint8Array[];
  /** Offset of the IPv4 header. */
  readonly ipAt: number;
  /** Offset of the TCP or UDP header. */
  readonly transportAt: number;
  /** Where the IPv4 packet ends; bytes behind are padding. */
  readonly endsAt: number;
  readonly totalLength: number;
  readonly ttl: number;
  /** Must not be fragmented on its way. */
  readonly isWhole: boolean;
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
}

/** What a frame is, or why it passes. */
export function readFrame(bytes: Uint8Array, macs: readonly string[]): ReadFrame | ReasonName {
  const has = (end: number) => bytes.length >= end;
  const byte = (at: number) => bytes[at] ?? 0;
  const word = (at: number) => (byte(at) << 8) | byte(at + 1);
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
  if (word(typeAt) !== 0x0800) return "otherProtocol";

  const ipAt = typeAt + 2;
  if (!has(ipAt + 20)) return "truncated";
  const headerLength = (byte(ipAt) & 15) * 4;
  if (byte(ipAt) >> 4 !== 4 || headerLength < 20) return "malformedIp";
  const totalLength = word(ipAt + 2);
  if (!has(ipAt + totalLength)) return "truncated";
  const mayBeFragment = (word(ipAt + 6) & 0x3fff) !== 0;
  if (mayBeFragment) return "fragment";
  if (!has(ipAt + headerLength)) return "truncated";
  if (foldSum(sumWords(bytes.subarray(ipAt, ipAt + headerLength))) !== 0xffff) return "badIpChecksum";

  const length = totalLength - headerLength;
  if (length < 0) return "malformedIp";
  const transportAt = ipAt + headerLength;
  if (!has(transportAt + 4)) return "truncated";
  const number = byte(ipAt + 9);
  if (number !== 6 && number !== 17) return "notTcpOrUdp";
  if (!has(transportAt + (number === 6 ? 20 : 8))) return "truncated";
  const stated = number === 6 ? (byte(transportAt + 12) >> 4) * 4 : word(transportAt + 4);
  if (stated < (number === 6 ? 20 : 8) || stated > length) return "malformedTransport";
  return {
    tags,
    ipAt,
    transportAt,
    endsAt: ipAt + totalLength,
    totalLength,
    ttl: byte(ipAt + 8),
    isWhole: (byte(ipAt + 6) & 0x40) !== 0,
    protocol: number === 6 ? "tcp" : "udp",
    source: formatAddress(bytes.subarray(ipAt + 12, ipAt + 16)),
    destination: formatAddress(bytes.subarray(ipAt + 16, ipAt + 20)),
    sourcePort: word(transportAt),
    destinationPort: word(transportAt + 2),
    flags: number === 6 ? byte(transportAt + 13) : 0,
  };
}
