// The headers that the data plane reads, as they lie on the wire. First stop of the packet's road.

import { be16, be32, bytes, struct, u8 } from "@yardmaster/ebpf";
import { families, type FamilyName } from "./family.ts";

/** IEEE 802.3 header, 14 bytes; the destination in two words, to compare it without a loop. */
export const Ethernet = struct(
  "ethernet",
  { destinationHigh: be32, destinationLow: be16, source: bytes(6), type: be16 },
  { packed: true },
);
/** IEEE 802.1Q tag, 4 bytes, behind the MAC addresses' EtherType; `type` is that of what follows. */
export const VlanTag = struct("vlan_tag", { tci: be16, type: be16 });
/** RFC 791, without options: 20 bytes. */
export const Ipv4 = struct("ipv4", {
  versionAndLength: u8,
  typeOfService: u8,
  totalLength: be16,
  identification: be16,
  fragment: be16,
  timeToLive: u8,
  protocol: u8,
  check: be16,
  source: families.ipv4.Address,
  destination: families.ipv4.Address,
});
/** RFC 8200, the fixed 40 bytes. */
export const Ipv6 = struct("ipv6", {
  versionClassAndFlow: be32,
  payloadLength: be16,
  nextHeader: u8,
  hopLimit: u8,
  source: families.ipv6.Address,
  destination: families.ipv6.Address,
});
/** Bytes of an IP header without options. */
export const HEADER_SIZES: Readonly<Record<FamilyName, number>> = { ipv4: Ipv4.size, ipv6: Ipv6.size };
/** The 20 bytes of an IPv4 header as words, for their sum; and one word of options. */
export const HeaderWords = struct("ipv4_words", { a: be32, b: be32, c: be32, d: be32, e: be32 });
export const HeaderWord = struct("ipv4_word", { a: be32 });
/** 16 bits wherever they stand: an EtherType, a checksum. */
export const Word16 = struct("word16", { word: be16 });
/** RFC 9293, without options: 20 bytes. `flags` holds CWR ECE URG ACK PSH RST SYN FIN. */
export const Tcp = struct("tcp", {
  source: be16,
  destination: be16,
  sequence: be32,
  acknowledgement: be32,
  dataOffset: u8,
  flags: u8,
  window: be16,
  check: be16,
  urgent: be16,
});
/** RFC 768, 8 bytes. */
export const Udp = struct("udp", { source: be16, destination: be16, length: be16, check: be16 });
/** RFC 792 and RFC 4443, 8 bytes. `parameter`: the MTU of errors about it; number and sequence of echoes. */
export const Icmp = struct("icmp", { type: u8, code: u8, check: be16, parameter: be32 });
/** What TCP and UDP begin with. */
export const Ports = struct("ports", { source: be16, destination: be16 });

// EtherTypes (include/uapi/linux/if_ether.h).
export const ETH_P_IP = 0x0800;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_8021AD = 0x88a8;
/** Time to live and hop limit of what the director sends itself (sysctl ip_default_ttl, IPV6_DEFAULT_HOPLIMIT). */
export const OWN_HOPS = 64;
// Protocol numbers (RFC 5237 registry).
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
/** ICMP by family. */
export const ICMP_PROTOCOLS: Readonly<Record<FamilyName, number>> = { ipv4: 1, ipv6: 58 };
/**
 * Fragment header of IPv6 (RFC 8200 §4.5), 8 bytes; the offset in units of 8 bytes in the high 13 bits, M the lowest.
 */
export const Ipv6Fragment = struct("ipv6_fragment", {
  nextHeader: u8,
  reserved: u8,
  offsetAndFlags: be16,
  identification: be32,
});
/** Fragment header of IPv6 (RFC 8200). */
export const IPPROTO_FRAGMENT = 44;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_ACK = 0x10;
