// Packets that the director makes itself: ICMP errors in the place of the packet that they answer, sent back to where
// it came from. What an error quotes and how long it is: RFC 1812 §4.3.2, RFC 4443 §2.4, and the kernel's icmp_send.

import {
  atomic,
  be16,
  be32,
  type Bool,
  bytes,
  checksumChange,
  checksumDifference,
  type ChecksumUpdate,
  choose,
  guard,
  type Int,
  leave,
  type Packet,
  randomU32,
  redirect,
  type Reference,
  stack,
  struct,
  tx,
  u32,
  u8,
  variable,
  verdict,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import { wordsOf } from "./address.ts";
import type { FamilyName } from "./family.ts";
import { Ethernet, Ipv4, Ipv6, VlanTag } from "./headers.ts";
import type { Parsed } from "./parse.ts";
import { reasons } from "./reasons.ts";
import { type BalancerMaps, Tallies } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";

/** What went wrong with a packet, of either family; 0 in a program: nothing. */
const errors = { portUnreachable: 1, timeExceeded: 2, tooBig: 3 } as const;
export type IcmpError = keyof typeof errors;

/** Types and codes (RFC 792, RFC 1191; RFC 4443). */
const numbers = {
  ipv4: { portUnreachable: [3, 3], timeExceeded: [11, 0], tooBig: [3, 4] },
  ipv6: { portUnreachable: [1, 4], timeExceeded: [3, 0], tooBig: [2, 0] },
} as const satisfies Record<FamilyName, Record<IcmpError, readonly [type: number, code: number]>>;

/** RFC 792 and RFC 4443, 8 bytes. `parameter`: the MTU of errors about it, otherwise 0. */
const Icmp = struct("icmp", { type: u8, code: u8, check: be16, parameter: be32 });
/** Bytes of a whole error without its link layer (icmp_send in net/ipv4/icmp.c; IPV6_MIN_MTU). */
const LONGEST: Readonly<Record<FamilyName, number>> = { ipv4: 576, ipv6: 1280 };
const HEADERS: Readonly<Record<FamilyName, number>> = { ipv4: Ipv4.size + Icmp.size, ipv6: Ipv6.size + Icmp.size };
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
/** Of what the director sends (sysctl ip_default_ttl, IPV6_DEFAULT_HOPLIMIT). */
const HOPS = 64;
/**
 * Bits of the type of service that an answer keeps, and the precedence it gets (IPTOS_TOS_MASK and
 * IPTOS_PREC_INTERNETCONTROL, include/uapi/linux/ip.h).
 */
const TOS_KEPT = 0x1e;
const TOS_CONTROL = 0xc0;

const Addresses = struct("ethernet_pair", { destination: bytes(6), source: bytes(6), type: be16 }, { packed: true });

/** Notes on the road that a packet is to be answered, so that the answer is written in one place of the program. */
export class Refusal {
  /** The error's number in the low bits, the MTU that it tells above. */
  readonly #note = variable(u32(0));

  /** `mtu` is what errors about it tell, in bytes. */
  set(error: IcmpError, mtu?: Int<"u32">): void {
    this.#note.set(mtu === undefined ? u32(errors[error]) : mtu.shl(2).or(errors[error]));
  }

  get isSet(): Bool {
    return this.#note.get().ne(0);
  }

  /** Number of the error. */
  get error(): Int<"u32"> {
    return this.#note.get().and(3);
  }

  get mtu(): Int<"u32"> {
    return this.#note.get().shr(2);
  }
}

/** How an error is to be made. */
export interface Answering {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly now: Int<"u32">;
}

/**
 * Answers with the ICMP error of a refusal, from the address that the packet was for, and leaves. Where more than the
 * settings' answers a second would be sent the packet is dropped instead, with a reason.
 */
export function answerWithError({ maps, shape, now }: Answering, parsed: Parsed, refusal: Refusal): void {
  const { packet, network, networkOffset } = parsed;
  const family = network.family.name;
  guard(mayAnswer(maps, now)).orDrop(reasons.tooManyAnswers);
  const most = LONGEST[family] - HEADERS[family];
  const quoted = choose(network.length.gt(most), u32(most), network.length);
  const tail = quoted.add(networkOffset).sub(packet.length());
  guard(packet.adjustTail(tail).eq(0)).orDrop(reasons.internal);
  guard(packet.adjustHead(-HEADERS[family]).eq(0)).orDrop(reasons.internal);
  moveLinkLayer(packet, networkOffset, HEADERS[family]);
  const front = packet.cursorAt(networkOffset);
  if (family === "ipv4") writeIpv4(front.fork(), quoted);
  else writeIpv6(front.fork(), quoted);
  const ipSize = family === "ipv4" ? Ipv4.size : Ipv6.size;
  const icmpAt = packet.cursorAt(networkOffset.add(ipSize));
  const icmp = icmpAt.fork().read(Icmp).orDrop(reasons.internal);
  writeNumbers(family, icmp, refusal);
  const length = quoted.add(Icmp.size);
  const sum = icmpAt.checksum(length, { atMost: most + Icmp.size }).orDrop(reasons.internal);
  const pseudo = family === "ipv4" ? sum : sum.plus(pseudoHeader(front.fork(), length));
  icmp.check = pseudo.fold();
  if (shape.sendBack === "redirect") leave(verdict(redirect(packet.ingressIfindex())));
  leave(tx());
}

function writeNumbers(family: FamilyName, icmp: Reference<typeof Icmp.fields>, refusal: Refusal): void {
  for (const [name, number] of Object.entries(errors) as [IcmpError, number][]) {
    const [type, code] = numbers[family][name];
    when(refusal.error.eq(number), () => {
      icmp.type = u8(type);
      icmp.code = u8(code);
    });
  }
  icmp.check = be16(0);
  icmp.parameter = refusal.mtu.toNet();
}

/** Whether one more answer may be sent in this second; counts it. */
function mayAnswer(maps: BalancerMaps, now: Int<"u32">) {
  const { tallies, settings } = maps;
  const startedAt = tallies.value.secondStartedAt;
  when(now.sub(startedAt).ge(settings.value.ticksPerSecond), () => {
    const before = atomic(tallies.value, Tallies, "secondStartedAt").compareExchange(startedAt, now);
    when(before.eq(startedAt), () => (tallies.value.answers = u32(0)));
  });
  return atomic(tallies.value, Tallies, "answers").fetchAdd(1).lt(settings.value.answersPerSecond);
}

/** Copies what stands before the network header `by` bytes forward, the two addresses exchanged. */
function moveLinkLayer(packet: Packet, networkOffset: Int<"u32">, by: number): void {
  const before = packet.cursorAt(by).read(Addresses).orDrop(reasons.internal);
  const after = packet.cursorAt(0).read(Addresses).orDrop(reasons.internal);
  after.destination = before.source;
  after.source = before.destination;
  after.type = before.type;
  for (const at of [Ethernet.size, Ethernet.size + VlanTag.size]) {
    when(networkOffset.gt(at), () => {
      const tag = packet
        .cursorAt(by + at)
        .read(VlanTag)
        .orDrop(reasons.internal);
      packet.cursorAt(at).read(TagSlot).orDrop(reasons.internal).tag = tag;
    });
  }
}
const TagSlot = struct("vlan_slot", { tag: VlanTag });

type PacketCursor = ReturnType<Packet["cursorAt"]>;

/** The header of an error about the packet that stands `HEADERS` behind it. */
function writeIpv4(at: PacketCursor, quotedLength: Int<"u32">): void {
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
      timeToLive: HOPS,
      protocol: IPPROTO_ICMP,
      check: be16(0),
      source: quoted.destination,
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

function writeIpv6(at: PacketCursor, quotedLength: Int<"u32">): void {
  const ip = at.read(Ipv6).orDrop(reasons.internal);
  at.read(Icmp).orDrop(reasons.internal);
  const quoted = at.read(Ipv6).orDrop(reasons.internal);
  const header = stack(
    Ipv6,
    {
      versionClassAndFlow: be32(0x6000_0000),
      payloadLength: quotedLength.add(Icmp.size).toU16().toNet(),
      nextHeader: IPPROTO_ICMPV6,
      hopLimit: HOPS,
      source: quoted.destination,
      destination: quoted.source,
    },
    { share: "flow" },
  );
  viewAs(ip, Ipv6, Ipv6Slot).header = header;
}

/** RFC 8200 §8.1: addresses, length and next header. */
function pseudoHeader(at: PacketCursor, length: Int<"u32">): ChecksumUpdate {
  const ip: Reference<typeof Ipv6.fields> = at.read(Ipv6).orDrop(reasons.internal);
  const start = checksumChange().replace(be32(0), be32(IPPROTO_ICMPV6)).replace(be32(0), length.toNet());
  return [ip.source, ip.destination].flatMap(wordsOf).reduce((sum, word) => sum.replace(be32(0), word), start);
}
