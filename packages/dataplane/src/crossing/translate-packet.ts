// A packet of one address family made one of the other: another IP header, other addresses and ports, and the transport
// checksum follows. Rules: RFC 7915, sections 4.1 (IPv4 to IPv6) and 5.1 (IPv6 to IPv4).

import {
  be16,
  checksumChange,
  type ChecksumChange,
  type ChecksumUpdate,
  choose,
  drop,
  guard,
  type Int,
  leave,
  Packet,
  u32,
  u64,
  verdict,
  verdictFn,
  when,
} from "@yardmaster/ebpf";
import { type Address, wordsOf } from "../address.ts";
import type { Family } from "../family.ts";
import { writeOuter } from "../forward/encapsulate/outer-header.ts";
import { sumWhole, updateTransport } from "../forward/translate.ts";
import { HEADER_SIZES, IPPROTO_UDP, Ipv4, Ipv6, Udp } from "../headers.ts";
import { DO_NOT_FRAGMENT, networkHeader } from "../network-header.ts";
import { type Parsed, parseFrame, parseTransport } from "../parse.ts";
import { reasons } from "../reasons.ts";
import { changeFamily } from "../room.ts";
import type { BalancerShape } from "../shape.ts";
import { numberOf } from "../errand.ts";
import type { Endpoint } from "../forward/ends.ts";

/** Bytes that a packet is longer in IPv6. */
export const DIFFERENCE = Ipv6.size - Ipv4.size;
/** Every link of IPv6 carries so much (RFC 8200 §5). */
export const IPV6_LEAST_MTU = 1280;

/** From whom and to whom, in the family that it becomes one of; not in the packet, which moves. */
export interface NewEnds {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** The same length in the other family: of a packet, or of what a way carries. */
export function lengthIn(to: Family, length: Int<"u32">): Int<"u32"> {
  return to.name === "ipv6" ? length.add(DIFFERENCE) : length.sub(DIFFERENCE);
}

/** Reads a packet that was found to be good, and lets none on that cannot change its family. */
export function readCrossing(packet: Packet, shape: BalancerShape, family: Family): Parsed {
  const frame = parseFrame(packet, shape);
  const network = networkHeader(family, packet, frame.networkOffset, () => undefined);
  guard(network.isFragment.not()).orDrop(reasons.crossingFragment);
  guard(network.hasOptions.not()).orDrop(reasons.crossingOptions);
  return parseTransport(frame, network, () => leave(drop(reasons.internal)));
}

/**
 * Translates a packet, its hop counted, without fragments and options, and settles it. The traffic class stays, and
 * there is no flow label. IPv4 of up to 1260 bytes may be divided: IPv6 routers take no less than 1280 for granted.
 */
export function translatePacket(parsed: Parsed, to: Family, { source, destination }: NewEnds): void {
  const { packet, network, networkOffset, ports, protocol } = parsed;
  const addresses = pseudoHeaderChange(network, { source: source.address, destination: destination.address });
  let contents: ChecksumUpdate = checksumChange().replace(ports.source, source.port);
  contents = contents.replace(ports.destination, destination.port);
  ports.source = source.port;
  ports.destination = destination.port;
  // In one number: each that lives on takes 8 bytes of the frame.
  const fields = protocol.toU32().shl(16).or(network.trafficClass.shl(8)).or(network.hops.toU32());
  const length = network.payloadLength.add(HEADER_SIZES[to.name]);
  updateTransport(parsed, { addresses, contents });
  changeFamily({ packet, networkOffset }, to.name);
  const isLong = length.gt(IPV6_LEAST_MTU - DIFFERENCE);
  const own = { dontFragment: choose(isLong, u32(DO_NOT_FRAGMENT), u32(0)), fields, length };
  writeHeader({ packet, networkOffset }, to, { source: source.address, destination: destination.address }, own);
}

/** What other addresses do to a transport checksum: the rest of the pseudo header is the same in both families. */
function pseudoHeaderChange(
  before: { readonly source: Address; readonly destination: Address },
  after: { readonly source: Address; readonly destination: Address },
): ChecksumChange {
  let sum = u64(0);
  for (const word of [before.source, before.destination].flatMap(wordsOf)) sum = sum.add(word.raw().xor(0xffff_ffff));
  for (const word of [after.source, after.destination].flatMap(wordsOf)) sum = sum.add(word.raw());
  return { sum };
}

/** What a header says: protocol (from bit 16 on), traffic class (from bit 8 on) and hops; DF as it lies in memory. */
export interface HeaderFields {
  readonly fields: Int<"u32">;
  readonly dontFragment: Int<"u32">;
  /** Bytes of the packet with it. */
  readonly length: Int<"u32">;
}

type At = Pick<Parsed, "packet" | "networkOffset">;

/** Writes a header of `to` where one of the other family was, and tells the stack what that does to a card's sum. */
function writeHeader(
  { packet, networkOffset }: At,
  to: Family,
  ends: { readonly source: Address; readonly destination: Address },
  { fields, dontFragment, length }: HeaderFields,
): void {
  const size = HEADER_SIZES[to.name];
  const sumHere = (): ChecksumUpdate =>
    packet.cursorAt(networkOffset).checksum(u32(size), { atMost: size }).orDrop(reasons.internal);
  const isTc = packet.hook === "tc";
  // What is left of the header of IPv6; one of IPv4 sums up to nothing.
  if (isTc && to.name === "ipv4") packet.accountFor({ sum: sumHere().fold().raw().toU64() });
  writeOuter(to, packet.cursorAt(networkOffset), ends, {
    typeOfService: fields.shr(8).and(0xff),
    hops: fields.and(0xff),
    protocol: fields.shr(16),
    dontFragment,
    length,
    spread: u32(0),
  });
  if (isTc && to.name === "ipv6") packet.accountFor(sumHere());
}

/** What is made readable of a datagram: more than can be summed up. */
const LONGEST = 2047 + 22 + Ipv4.size;
/** What summing returns in the place of a verdict, none of which is so large. */
const SUMMED = 0x3_0001;

/** Sees to it that an IPv4 datagram has a checksum, which IPv6 asks for, or leaves. References become stale. */
export type GiveChecksum = (packet: Packet) => void;

/**
 * What gives IPv4 datagrams a checksum that have none, before they are translated (RFC 7915 §4.5). Those of IPv6 have
 * one.
 */
export function givingChecksum(shape: BalancerShape, family: Family): GiveChecksum {
  if (family.name === "ipv6") return () => undefined;
  const give = verdictFn(
    "cross_sum4",
    { packet: Packet },
    ({ packet }) => {
      packet.makeReadable(LONGEST);
      const parsed = readCrossing(packet, shape, family);
      const udp = parsed.transport.fork().read(Udp).orDrop(reasons.internal);
      sumWhole(parsed, udp);
      guard(udp.check.ne(0)).orDrop(reasons.crossingUnchecked);
      packet.accountFor(checksumChange().replace(be16(0), udp.check));
      return verdict(u32(SUMMED));
    },
    { isGlobal: true },
  );
  return (packet) => {
    const { networkOffset } = parseFrame(packet, shape);
    const ip = packet.cursorAt(networkOffset).read(Ipv4).orDrop(reasons.internal);
    when(ip.protocol.eq(IPPROTO_UDP), () => {
      const udp = packet.cursorAt(networkOffset.add(Ipv4.size)).read(Udp).orPass(reasons.truncated);
      when(
        udp.check.eq(0),
        () => {
          const given = give({ packet });
          guard(numberOf(given).eq(SUMMED)).orLeave(given);
        },
        { isRare: true },
      );
    });
  };
}
