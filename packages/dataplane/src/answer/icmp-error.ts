// ICMP errors in the place of the packet that they answer. What an error quotes and how long it is: RFC 1812 §4.3.2,
// RFC 4443 §2.4, and the kernel's icmp_send.

import {
  be16,
  be32,
  bytes,
  checksumDifference,
  type ChecksumUpdate,
  choose,
  guard,
  type Int,
  type Packet,
  randomU32,
  type Reference,
  stack,
  struct,
  u32,
  u64,
  u8,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import type { FamilyName } from "../family.ts";
import { Icmp, ICMP_PROTOCOLS, Ipv4, Ipv6, OWN_HOPS } from "../headers.ts";
import type { Parsed } from "../parse.ts";
import { ownIpv6Sum, pseudoHeader } from "../pseudo-header.ts";
import { reasons } from "../reasons.ts";
import { returnLinkLayer } from "./link-layer.ts";
import type { PendingSum } from "./pending-sum.ts";
import type { AnswerName, Refusal } from "./refusal.ts";

/** The answers that are ICMP errors. */
const errors = [
  "portUnreachable",
  "timeExceeded",
  "tooBig",
  "serverUnreachable",
] as const satisfies readonly AnswerName[];

/** Types and codes (RFC 792, RFC 1191; RFC 4443). */
const numbers = {
  ipv4: { portUnreachable: [3, 3], timeExceeded: [11, 0], tooBig: [3, 4], serverUnreachable: [3, 3] },
  ipv6: { portUnreachable: [1, 4], timeExceeded: [3, 0], tooBig: [2, 0], serverUnreachable: [1, 4] },
} as const satisfies Record<FamilyName, Record<(typeof errors)[number], readonly [type: number, code: number]>>;

/** Bytes of a whole error without its link layer (icmp_send in net/ipv4/icmp.c; IPV6_MIN_MTU). */
export const LONGEST: Readonly<Record<FamilyName, number>> = { ipv4: 576, ipv6: 1280 };
export const HEADERS: Readonly<Record<FamilyName, number>> = {
  ipv4: Ipv4.size + Icmp.size,
  ipv6: Ipv6.size + Icmp.size,
};
/**
 * Bits of the type of service that an answer keeps, and the precedence it gets (IPTOS_TOS_MASK and
 * IPTOS_PREC_INTERNETCONTROL, include/uapi/linux/ip.h).
 */
const TOS_KEPT = 0x1e;
const TOS_CONTROL = 0xc0;

/** Who says it, and of what the checksum is yet to be computed. */
interface Told {
  /** The error's source; not in the packet, which moves. */
  readonly sender: Address;
  readonly pending: PendingSum | undefined;
}

/** Turns the packet into the ICMP error of its refusal, to where it came from. */
export function makeIcmpError(parsed: Parsed, refusal: Refusal, { sender, pending }: Told): void {
  const { packet, network, networkOffset } = parsed;
  const family = network.family.name;
  const most = LONGEST[family] - HEADERS[family];
  const ipLength = network.length.sub(network.payloadLength);
  const quoted = choose(network.length.gt(most), u32(most), network.length);
  const tail = quoted.add(networkOffset).sub(packet.length());
  guard(packet.adjustTail(tail).eq(0)).orDrop(reasons.internal);
  guard(packet.adjustHead(-HEADERS[family]).eq(0)).orDrop(reasons.internal);
  returnLinkLayer(packet, networkOffset, HEADERS[family]);
  const error = { packet, networkOffset, family, quoted, hops: OWN_HOPS, sender };
  writeIcmpError(error, (icmp) => writeNumbers(family, icmp, refusal), { before: ipLength.add(Icmp.size), pending });
}

/** Where an error is to be written: the packet that it quotes stands `HEADERS` behind the place of its IP header. */
interface ErrorPlace extends Pick<Parsed, "packet" | "networkOffset">, From {
  readonly family: FamilyName;
  /** Bytes that it quotes, which end the packet. */
  readonly quoted: Int<"u32">;
}

interface From {
  /** The error's source; not in the packet, which moves. */
  readonly sender: Address;
  /** Time to live or hop limit. */
  readonly hops: number;
}

/** Writes an error's headers; `number` its type, code and parameter. */
export function writeIcmpError(
  { packet, networkOffset, family, quoted, hops, sender }: ErrorPlace,
  number: (icmp: Reference<typeof Icmp.fields>) => void,
  { before, pending }: { readonly before: Int<"u32">; readonly pending: PendingSum | undefined },
): void {
  const front = packet.cursorAt(networkOffset);
  if (family === "ipv4") writeIpv4(front.fork(), quoted, { hops, sender });
  else writeIpv6(front.fork(), quoted, { hops, sender });
  const ipSize = family === "ipv4" ? Ipv4.size : Ipv6.size;
  const icmpAt = packet.cursorAt(networkOffset.add(ipSize));
  const icmp = icmpAt.fork().read(Icmp).orDrop(reasons.internal);
  icmp.check = be16(0);
  number(icmp);
  const length = quoted.add(Icmp.size);
  const atMost = LONGEST[family] - HEADERS[family] + Icmp.size;
  const sum = checksumOf(icmpAt, { length, before, atMost }, pending);
  const ip6 = () => front.fork().read(Ipv6).orDrop(reasons.internal);
  icmp.check = (family === "ipv4" ? sum : sum.plus(pseudoHeader(ip6(), u32(ICMP_PROTOCOLS.ipv6), length))).fold();
  packet.declareSum(family === "ipv4" ? { sum: u64(0) } : ownIpv6Sum(ICMP_PROTOCOLS.ipv6, hops));
}

/**
 * The sum of the `length` bytes of an error. Of the quoted bytes whose checksum is yet to be computed it is known what
 * they will sum up to: `before` is how far they are.
 */
function checksumOf(
  at: PacketCursor,
  { length, before, atMost }: { readonly length: Int<"u32">; readonly before: Int<"u32">; readonly atMost: number },
  pending: PendingSum | undefined,
): ChecksumUpdate {
  if (pending === undefined) return at.checksum(length, { atMost }).orDrop(reasons.internal);
  const isPending = pending.isPending.ne(0);
  const summed = at.checksum(choose(isPending, before, length), { atMost }).orDrop(reasons.internal);
  const behind = choose(isPending, pending.covered.raw().xor(0xffff).toU32(), u32(0));
  return summed.plus({ sum: behind.toU64() });
}

function writeNumbers(family: FamilyName, icmp: Reference<typeof Icmp.fields>, refusal: Refusal): void {
  for (const name of errors) {
    const [type, code] = numbers[family][name];
    when(refusal.is(name), () => {
      icmp.type = u8(type);
      icmp.code = u8(code);
    });
  }
  icmp.parameter = refusal.mtu.toNet();
}

type PacketCursor = ReturnType<Packet["cursorAt"]>;

/** The header of an error about the packet that stands `HEADERS` behind it. */
function writeIpv4(at: PacketCursor, quotedLength: Int<"u32">, { hops, sender }: From): void {
  const ip = at.read(Ipv4).orDrop(reasons.internal);
  at.read(Icmp).orDrop(reasons.internal);
  const quoted = at.read(Ipv4).orDrop(reasons.internal);
  const header = stack(
    Ipv4,
    {
      versionAndLength: 0x45,
      typeOfService: quoted.typeOfService.and(TOS_KEPT).or(TOS_CONTROL).toU8(),
      totalLength: quotedLength.add(HEADERS.ipv4).toU16().toNet(),
      identification: randomU32().toU16().toNet(),
      fragment: be16(0),
      timeToLive: hops,
      protocol: ICMP_PROTOCOLS.ipv4,
      check: be16(0),
      source: sender,
      destination: quoted.source,
    },
    { share: "flow" },
  );
  header.check = checksumDifference({ to: viewAs(header, Ipv4, bytes(Ipv4.size)) }).fold();
  const slot = viewAs(ip, Ipv4, Ipv4Slot);
  slot.header = header;
}
const Ipv4Slot = struct("ipv4_slot", { header: Ipv4 });
const Ipv6Slot = struct("ipv6_slot", { header: Ipv6 });

function writeIpv6(at: PacketCursor, quotedLength: Int<"u32">, { hops, sender }: From): void {
  const ip = at.read(Ipv6).orDrop(reasons.internal);
  at.read(Icmp).orDrop(reasons.internal);
  const quoted = at.read(Ipv6).orDrop(reasons.internal);
  const header = stack(
    Ipv6,
    {
      versionClassAndFlow: be32(0x6000_0000),
      payloadLength: quotedLength.add(Icmp.size).toU16().toNet(),
      nextHeader: ICMP_PROTOCOLS.ipv6,
      hopLimit: hops,
      source: sender,
      destination: quoted.source,
    },
    { share: "flow" },
  );
  viewAs(ip, Ipv6, Ipv6Slot).header = header;
}
