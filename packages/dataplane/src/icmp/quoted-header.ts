// The packet that an ICMP error quotes, up to its ports: enough to find the connection that the error is about, and to
// put other addresses and ports there. RFC 792 and RFC 4443 §3 have errors quote at least so much.

import { checksum, type ChecksumUpdate, guard, type Int, type Packet, type Reference, u32 } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import type { Family } from "../family.ts";
import { Icmp, IPPROTO_TCP, IPPROTO_UDP, Ipv4, Ipv6, Ports } from "../headers.ts";
import { addressChange, type End, type NetworkHeader } from "../network-header.ts";
import { reasons } from "../reasons.ts";

/** A quoted TCP or UDP packet. */
export interface QuotedHeader {
  readonly source: Address;
  readonly destination: Address;
  readonly ports: Reference<typeof Ports.fields>;
  readonly protocol: Int<"u8">;
  /** Replaces an address, and IPv4's header checksum along. Returns what that does to the error's own checksum. */
  replaceAddress(end: End, address: Address): ChecksumUpdate;
}

/** The offset of a later fragment, as the bytes lie in memory (RFC 791: 0x1fff in network order). */
const FRAGMENT_OFFSET = 0xff1f;

/**
 * Reads what the error in `network` quotes. Errors that quote too little leave here, and so do those about packets
 * without ports: of other protocols, and later fragments.
 */
export function quotedHeader(family: Family, packet: Packet, network: NetworkHeader): QuotedHeader {
  return family.name === "ipv4" ? quotedIpv4(packet, network) : quotedIpv6(packet, network);
}

function quotedIpv4(packet: Packet, { payloadOffset, payloadLength }: NetworkHeader): QuotedHeader {
  const offset = payloadOffset.add(Icmp.size);
  const ip = packet.cursorAt(offset).read(Ipv4).orPass(reasons.malformedIcmp);
  guard(ip.versionAndLength.and(0xf0).eq(0x40)).orPass(reasons.malformedIcmp);
  const headerLength = ip.versionAndLength.and(0x0f).shl(2);
  guard(headerLength.ge(Ipv4.size)).orPass(reasons.malformedIcmp);
  const ports = portsAt(packet, offset.add(headerLength));
  guard(payloadLength.ge(headerLength.add(Icmp.size + Ports.size))).orPass(reasons.malformedIcmp);
  guard(ip.fragment.raw().and(FRAGMENT_OFFSET).eq(0)).orPass(reasons.icmpWithoutConnection);
  return {
    ...{ source: ip.source, destination: ip.destination, ports, protocol: withPorts(ip.protocol) },
    replaceAddress(end, address) {
      const change = addressChange(ip[end], address);
      const before = ip.check;
      const after = checksum(before).plus(change).fold();
      ip[end] = address;
      ip.check = after;
      return change.replace(before, after);
    },
  };
}

function quotedIpv6(packet: Packet, { payloadOffset, payloadLength }: NetworkHeader): QuotedHeader {
  const offset = payloadOffset.add(Icmp.size);
  const ip = packet.cursorAt(offset).read(Ipv6).orPass(reasons.malformedIcmp);
  guard(ip.versionClassAndFlow.raw().and(0xf0).eq(0x60)).orPass(reasons.malformedIcmp);
  const ports = portsAt(packet, offset.add(Ipv6.size));
  guard(payloadLength.ge(u32(Ipv6.size + Icmp.size + Ports.size))).orPass(reasons.malformedIcmp);
  return {
    ...{ source: ip.source, destination: ip.destination, ports, protocol: withPorts(ip.nextHeader) },
    replaceAddress(end, address) {
      const change = addressChange(ip[end], address);
      ip[end] = address;
      return change;
    },
  };
}

function portsAt(packet: Packet, offset: Int<"u32">) {
  return packet.cursorAt(offset).read(Ports).orPass(reasons.malformedIcmp);
}

function withPorts(protocol: Int<"u8">): Int<"u8"> {
  guard(protocol.eq(IPPROTO_TCP).or(protocol.eq(IPPROTO_UDP))).orPass(reasons.icmpWithoutConnection);
  return protocol;
}
