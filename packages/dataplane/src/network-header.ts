// The IP header, of either family, as the rest of the road sees it: addresses, lengths, time to live. What differs
// between the families (the header checksum) is dealt with here.

import {
  be16,
  type Bool,
  bytes,
  type ChecksumUpdate,
  checksum,
  checksumChange,
  checksumDifference,
  type Cursor,
  guard,
  type Int,
  leave,
  Net,
  pass,
  repeat,
  type Packet,
  randomU32,
  u32,
  u64,
  u8,
  variable,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import { type Address, wordsOf } from "./address.ts";
import { families, type Family, type FamilyName } from "./family.ts";
import {
  ETH_P_IP,
  ETH_P_IPV6,
  HeaderWord,
  HeaderWords,
  IPPROTO_FRAGMENT,
  Ipv4,
  Ipv6,
  Ipv6Fragment,
  OWN_HOPS,
} from "./headers.ts";
import { reasons } from "./reasons.ts";

/** Which end of the flow an address is of. */
export type End = "source" | "destination";

/** A whole, well-formed IP packet's header. */
export interface NetworkHeader {
  readonly family: Family;
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: Int<"u8">;
  /** Bytes of the packet without the link layer, as statistics and MTUs count. */
  readonly length: Int<"u32">;
  /** At what follows the header, how far from the packet's start that is, and its length in bytes. */
  readonly payload: Cursor;
  readonly payloadOffset: Int<"u32">;
  readonly payloadLength: Int<"u32">;
  /** Time to live or hop limit as it came in. */
  readonly hops: Int<"u8">;
  /** Type of service or traffic class. */
  readonly trafficClass: Int<"u32">;
  /** Whether a router may fragment it: IPv4 without DF. */
  readonly mayBeFragmented: Bool;
  /** Whether it is one of several fragments, or looks like one. */
  readonly isFragment: Bool;
  /** Whether more than the plain header stands before the payload. */
  readonly hasOptions: Bool;
  /** Takes one off the time to live or hop limit, and IPv4's checksum along. There must be one. */
  decrementHops(): void;
  /** Replaces an address, and IPv4's checksum along. Returns the change for the transport checksum. */
  replaceAddress(end: End, address: Address): ChecksumUpdate;
  /** Makes the header that of a packet of the director's own, back to the sender. There must be no options. */
  turnBack(): void;
}

/** EtherTypes of the families. */
export const etherTypes: Readonly<Record<FamilyName, number>> = { ipv4: ETH_P_IP, ipv6: ETH_P_IPV6 };

/** A fragment of a datagram. */
export interface FragmentHeader {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: Int<"u8">;
  /** As the bytes lie in memory; with addresses and protocol what all fragments of a datagram have in common. */
  readonly identification: Int<"u32">;
  /** Whether it is not the first: no transport header is in it. */
  readonly isLater: Bool;
  readonly payloadOffset: Int<"u32">;
}

/**
 * Reads a family's header at `offset`; packets that are not whole leave here. `onFragment` gets fragments, which
 * otherwise leave, too; where it returns they go on.
 */
export function networkHeader(
  family: Family,
  packet: Packet,
  offset: Int<"u32">,
  onFragment: (fragment: FragmentHeader) => void = () => leave(pass(reasons.fragment)),
): NetworkHeader {
  return family.name === "ipv4" ? ipv4Header(packet, offset, onFragment) : ipv6Header(packet, offset, onFragment);
}

/** "More fragments" and the offset, as the bytes lie in memory (RFC 791: 0x3fff in network order). */
export const FRAGMENT_MASK = 0xff3f;
/** The offset alone; of IPv6 in the fragment header (0xfff8 in network order). */
const OFFSET_MASK = { ipv4: 0xff1f, ipv6: 0xf8ff } as const;
/** DF likewise (0x4000 in network order). */
export const DO_NOT_FRAGMENT = 0x0040;

type OnFragment = (fragment: FragmentHeader) => void;

function ipv4Header(packet: Packet, offset: Int<"u32">, onFragment: OnFragment): NetworkHeader {
  const ip = packet.cursorAt(offset).read(Ipv4).orPass(reasons.truncated);
  const versionAndLength = ip.versionAndLength;
  guard(versionAndLength.and(0xf0).eq(0x40)).orPass(reasons.malformedIp);
  const headerLength = versionAndLength.and(0x0f).shl(2);
  guard(headerLength.ge(Ipv4.size)).orPass(reasons.malformedIp);
  const length = ip.totalLength.toHost().toU32();
  guard(length.add(offset).le(packet.length())).orPass(reasons.truncated);
  guard(headerSum(packet, offset, headerLength).eq(0xffff)).orPass(reasons.badIpChecksum);
  guard(length.ge(headerLength)).orPass(reasons.malformedIp);
  const payloadOffset = offset.add(headerLength);
  const isFragment = (): Bool => ip.fragment.raw().and(FRAGMENT_MASK).ne(0);
  when(
    isFragment(),
    () => {
      const identification = ip.identification.raw().toU32();
      const isLater = ip.fragment.raw().and(OFFSET_MASK.ipv4).ne(0);
      const { source, destination, protocol } = ip;
      onFragment({ source, destination, protocol, identification, isLater, payloadOffset });
    },
    { isRare: true },
  );
  return {
    family: families.ipv4,
    source: ip.source,
    destination: ip.destination,
    protocol: ip.protocol,
    length,
    payload: packet.cursorAt(payloadOffset),
    payloadOffset,
    payloadLength: length.sub(headerLength),
    get hops() {
      return ip.timeToLive;
    },
    get trafficClass() {
      return ip.typeOfService.toU32();
    },
    get mayBeFragmented() {
      return ip.fragment.raw().and(DO_NOT_FRAGMENT).eq(0);
    },
    get isFragment() {
      return isFragment();
    },
    get hasOptions() {
      return headerLength.ne(Ipv4.size);
    },
    decrementHops() {
      ip.timeToLive = ip.timeToLive.sub(1).toU8();
      // As the low byte of a word in memory order the decrement adds one to the checksum, with the carry brought round
      // (RFC 1141).
      const sum = ip.check.raw().add(1);
      const carried = sum.add(sum.add(1).shr(16));
      ip.check = new Net("be16", carried.toU16().operand());
    },
    replaceAddress(end, address) {
      const change = addressChange(ip[end], address);
      ip.check = checksum(ip.check).plus(change).fold();
      ip[end] = address;
      return change;
    },
    turnBack() {
      exchange(ip.source, ip.destination);
      ip.timeToLive = u8(OWN_HOPS);
      ip.identification = randomU32().toU16().toNet();
      ip.fragment = be16(0);
      ip.check = be16(0);
      ip.check = checksumDifference({ to: viewAs(ip, Ipv4, bytes(Ipv4.size)) }).fold();
    },
  };
}

/** What a hop less does to a sum, as bytes lie in memory: the limit is the second byte of its word. */
const ONE_HOP_LESS = 0xffff - 0x0100;

function ipv6Header(packet: Packet, offset: Int<"u32">, onFragment: OnFragment): NetworkHeader {
  const ip = packet.cursorAt(offset).read(Ipv6).orPass(reasons.truncated);
  guard(ip.versionClassAndFlow.raw().and(0xf0).eq(0x60)).orPass(reasons.malformedIp);
  const length = ip.payloadLength.toHost().toU32().add(Ipv6.size);
  guard(length.add(offset).le(packet.length())).orPass(reasons.truncated);
  const protocol = variable(ip.nextHeader);
  const headerLength = variable(u32(Ipv6.size));
  const isFragment = (): Bool => ip.nextHeader.eq(IPPROTO_FRAGMENT);
  when(
    isFragment(),
    () => {
      const payloadOffset = offset.add(Ipv6.size + Ipv6Fragment.size);
      const fragment = packet.cursorAt(offset.add(Ipv6.size)).read(Ipv6Fragment).orPass(reasons.truncated);
      guard(length.ge(Ipv6.size + Ipv6Fragment.size)).orPass(reasons.malformedIp);
      protocol.set(fragment.nextHeader);
      headerLength.set(u32(Ipv6.size + Ipv6Fragment.size));
      const identification = fragment.identification.raw();
      const isLater = fragment.offsetAndFlags.raw().and(OFFSET_MASK.ipv6).ne(0);
      const { source, destination } = ip;
      onFragment({ source, destination, protocol: fragment.nextHeader, identification, isLater, payloadOffset });
    },
    { isRare: true },
  );
  const payloadOffset = offset.add(headerLength.get());
  return {
    family: families.ipv6,
    source: ip.source,
    destination: ip.destination,
    protocol: protocol.get(),
    length,
    payload: packet.cursorAt(payloadOffset),
    payloadOffset,
    payloadLength: length.sub(headerLength.get()),
    get hops() {
      return ip.hopLimit;
    },
    get trafficClass() {
      return ip.versionClassAndFlow.toHost().shr(20).and(0xff);
    },
    get mayBeFragmented() {
      return length.ne(length);
    },
    get isFragment() {
      return isFragment();
    },
    get hasOptions() {
      return length.ne(length);
    },
    decrementHops() {
      ip.hopLimit = ip.hopLimit.sub(1).toU8();
      packet.accountFor({ sum: u64(ONE_HOP_LESS) });
    },
    replaceAddress(end, address) {
      const change = addressChange(ip[end], address);
      ip[end] = address;
      return change;
    },
    turnBack() {
      exchange(ip.source, ip.destination);
      packet.accountFor({
        sum: ip.hopLimit
          .toU64()
          .shl(8)
          .xor(0xffff)
          .add(OWN_HOPS << 8),
      });
      ip.hopLimit = u8(OWN_HOPS);
    },
  };
}

function exchange(one: Address, other: Address): void {
  const words = wordsOf(one);
  for (let word = 0; word < one.length; word++) one.set(word, other.at(word));
  words.forEach((word, index) => other.set(index, word));
}

/** What putting `after` in the place of `before` does to a checksum. */
export function addressChange(before: Address, after: Address): ChecksumUpdate {
  let change = checksumChange().replace(before.at(0), after.at(0));
  for (let word = 1; word < before.length; word++) change = change.replace(before.at(word), after.at(word));
  return change;
}

/** The sum of the header's 16-bit words, folded until it is 0xffff where its checksum is right (RFC 1071). */
function headerSum(packet: Packet, offset: Int<"u32">, headerLength: Int<"u32">): Int<"u64"> {
  const words = packet.cursorAt(offset).read(HeaderWords).orPass(reasons.truncated);
  const sum = variable(
    words.a.raw().toU64().add(words.b.raw()).add(words.c.raw()).add(words.d.raw()).add(words.e.raw()),
  );
  when(
    headerLength.ne(Ipv4.size),
    () => {
      const options = headerLength.sub(Ipv4.size).shr(2);
      repeat({ times: options, atMost: 10 }, (index) => {
        const word = packet
          .cursorAt(offset.add(index.shl(2)).add(Ipv4.size))
          .read(HeaderWord)
          .orPass(reasons.truncated);
        sum.set(sum.get().add(word.a.raw()));
      });
    },
    { isRare: true },
  );
  // Below 2^36: folded twice it is at most 0x10010, where a right header's sum, a multiple of 0xffff, is 0xffff.
  let folded = sum.get();
  for (let round = 0; round < 2; round++) folded = folded.and(0xffff).add(folded.shr(16));
  return folded;
}
