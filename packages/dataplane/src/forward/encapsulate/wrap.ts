// Puts a packet into a tunnel: room at the front, the outer IP header, the encapsulation's own header, and its
// checksum. Outer headers are as the kernel's IPVS writes them (ip_vs_prepare_tunneled_skb, ip_vs_tunnel_xmit and
// ip_vs_tunnel_xmit_v6 in net/netfilter/ipvs/ip_vs_xmit.c).

import {
  be16,
  type Bool,
  choose,
  type Cursor,
  type Int,
  leave,
  Packet,
  type Reference,
  TcPacket,
  u32,
  variable,
  type Verdict,
  verdict,
  verdictFn,
  when,
} from "@yardmaster/ebpf";
import { families, type Family } from "../../family.ts";
import { flowHash } from "../../flow-hash.ts";
import { IPPROTO_FRAGMENT, Ipv4, Ipv6, Ports, Word16 } from "../../headers.ts";
import { DO_NOT_FRAGMENT, FRAGMENT_MASK } from "../../network-header.ts";
import type { Parsed } from "../../parse.ts";
import { pendingSum } from "../../answer/pending-sum.ts";
import { pseudoHeader } from "../../pseudo-header.ts";
import { reasons } from "../../reasons.ts";
import { insertRoom, OFFSET_MASK } from "../../room.ts";
import { Destination, destinationFlags, SPREAD_SHIFT } from "../../destination.ts";
import type { BalancerMaps } from "../../schema.ts";
import { type BalancerShape, hasFeature } from "../../shape.ts";
import type { Encapsulation, TunnelChecksum } from "./encapsulation.ts";
import { type OuterFields, writeOuter } from "./outer-header.ts";
import { encapsulations, outerSizes, tunnelOverhead } from "./registry.ts";

/** What the verifier can bound: more than any frame is long. */
const LONGEST_SUM = 2047;

/** Wraps a packet. */
export type Wrap = ReturnType<typeof wrapping>;
/** What the functions return in the place of a verdict, none of which is so large: the packet is wrapped. */
const WRAPPED = 0x1_0000;

/** Leaves where the packet could not be wrapped. */
function leaveUnlessWrapped(returned: Verdict): void {
  if (returned.action !== "value") throw new Error("functions return numbers");
  when(returned.value.ne(WRAPPED), () => leave(returned), { isRare: true });
}

type DestinationReference = Reference<typeof Destination.fields>;

/** Beside `at`: the stack sends the packet on, and counts a hop outside. */
const PASSING = 0x100;

/** What the function is told of where the network header begins, and of where the packet goes: not 0, to the stack. */
export function wrapAt(networkOffset: Int<"u32">, passing: Int<"u32">): Int<"u32"> {
  return networkOffset.or(choose(passing.ne(0), u32(PASSING), u32(0)));
}

/**
 * Wraps packets of a family, their hop counted, at `wrapAt`, and leaves where that cannot be. In two functions: frames
 * of functions that call each other share 512 bytes, and few tunnels have checksums.
 */
export function wrapping(maps: BalancerMaps, shape: BalancerShape, family: Family) {
  const wrapPacket = wrapFunction(maps, shape, family);
  const sealPacket = hasFeature(shape, "tunnelChecksums") ? sealFunction(shape, family) : undefined;
  return (args: Parameters<typeof wrapPacket>[0]): void => {
    leaveUnlessWrapped(wrapPacket(args));
    if (sealPacket === undefined) return;
    const isSealed = args.destination.flags.and(destinationFlags.tunnelChecksum).ne(0);
    when(isSealed, () => leaveUnlessWrapped(sealPacket(args)), { isRare: true });
  };
}

/** The function that gives wrapped packets their tunnel's checksum; those of encapsulations without one stay. */
function sealFunction(shape: BalancerShape, family: Family) {
  const outers = hasFeature(shape, "mixedFamilies") ? [families.ipv4, families.ipv6] : [family];
  return verdictFn(
    `seal${family.digit}`,
    { packet: Packet, destination: Destination, at: u32 },
    ({ packet, destination, at }) => {
      const place = { packet, networkOffset: at.and(OFFSET_MASK) };
      const isIpv6 = destination.flags.and(destinationFlags.isIpv6).ne(0);
      for (const outer of outers) {
        const isMeant = outer.name === "ipv6" ? isIpv6 : isIpv6.not();
        for (const encapsulation of shape.encapsulations.map((name) => encapsulations[name])) {
          const { checksum, code } = encapsulation;
          if (checksum === undefined) continue;
          const isIts = destination.encapsulation.and((1 << SPREAD_SHIFT) - 1).eq(code);
          when(isMeant.and(isIts), () => {
            seal(place, { outer, encapsulation, hasChecksum: true }, checksum, family);
            const size = tunnelOverhead(encapsulation.name, outer.name, { hasChecksum: true });
            if (packet.hook === "tc") accountForHeaders(place, size);
          });
        }
      }
      return verdict(u32(WRAPPED));
    },
    { isGlobal: true },
  );
}

/** The function that wraps packets of a family. */
function wrapFunction(maps: BalancerMaps, shape: BalancerShape, family: Family) {
  return verdictFn(
    `wrap${family.digit}`,
    { packet: Packet, destination: Destination, at: u32 },
    ({ packet, destination, at }) => {
      const place = { packet, networkOffset: at.and(OFFSET_MASK), spareHops: () => at.shr(Math.log2(PASSING)) };
      wrap({ maps, shape, family }, place, destination);
      return verdict(u32(WRAPPED));
    },
    { isGlobal: true },
  );
}

type At = Pick<Parsed, "packet" | "networkOffset">;

/** Where a packet is, and how many hops more than inside the outside has. */
type Whereabouts = At & { readonly spareHops: () => Int<"u32"> };

interface Wrapper {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly family: Family;
}

function wrap({ maps, shape, family }: Wrapper, at: Whereabouts, destination: DestinationReference): void {
  const all = shape.encapsulations.map((name) => encapsulations[name]);
  const spreads = hasFeature(shape, "tunnelSources");
  const needsHash = spreads || all.some(({ tellsFlows }) => tellsFlows);
  // Read now: what is read from the packet is lost when it grows.
  const read = family.name === "ipv4" ? readIpv4(maps, at, needsHash) : readIpv6(at, needsHash);
  const inside: Inside = {
    ...{ ...read, family },
    spread: spreads ? read.hash.and(spreadMask(destination)) : u32(0),
  };
  const outers = hasFeature(shape, "mixedFamilies") ? [families.ipv4, families.ipv6] : [family];
  const isIpv6 = destination.flags.and(destinationFlags.isIpv6);
  const isOf = ({ name }: Family) => (name === "ipv6" ? isIpv6.ne(0) : isIpv6.eq(0));
  const code = destination.encapsulation.and((1 << SPREAD_SHIFT) - 1);
  const flag = destination.flags.and(destinationFlags.tunnelChecksum);
  among(outers, isOf, (outer) => {
    among(
      all,
      (one) => code.eq(one.code),
      (encapsulation) => {
        const kinds =
          encapsulation.checksum !== undefined && hasFeature(shape, "tunnelChecksums") ? [true, false] : [false];
        among(
          kinds,
          (has) => (has ? flag.ne(0) : flag.eq(0)),
          (hasChecksum) => {
            wrapAs(at, destination, { outer, encapsulation, hasChecksum }, inside);
          },
        );
      },
    );
  });
}

/** Fields are in one number, since each would take 8 bytes of the frame: hops, type of service, DF as it lies. */
interface Read {
  readonly fields: Int<"u32">;
  readonly length: Int<"u32">;
  readonly hash: Int<"u32">;
}

function readIpv4(maps: BalancerMaps, { packet, networkOffset, spareHops }: Whereabouts, needsHash: boolean): Read {
  const ip = packet.cursorAt(networkOffset).read(Ipv4).orDrop(reasons.internal);
  const header = ip.versionAndLength.and(0x0f).shl(2);
  return {
    fields: choose(maps.settings.value.pathMtuDiscovery.ne(0), ip.fragment.raw().and(DO_NOT_FRAGMENT), u32(0))
      .shl(16)
      .or(outerTypeOfService(ip.typeOfService.toU32()).shl(8))
      .or(ip.timeToLive.toU32().add(spareHops())),
    length: ip.totalLength.toHost().toU32(),
    hash: needsHash ? hashAt(ip, packet, networkOffset.add(header), isFragmentOf(ip)) : u32(0),
  };
}

function readIpv6({ packet, networkOffset, spareHops }: Whereabouts, needsHash: boolean): Read {
  const ip = packet.cursorAt(networkOffset).read(Ipv6).orDrop(reasons.internal);
  return {
    // IPv6 packets are never divided on their way, and IPVS lets those outside be: without DF.
    fields: outerTypeOfService(ip.versionClassAndFlow.toHost().shr(20).and(0xff))
      .shl(8)
      .or(ip.hopLimit.toU32().add(spareHops())),
    length: ip.payloadLength.toHost().toU32().add(Ipv6.size),
    hash: needsHash ? hashAt(ip, packet, networkOffset.add(Ipv6.size), ip.nextHeader.eq(IPPROTO_FRAGMENT)) : u32(0),
  };
}

/**
 * The hash of a packet whose ports, or what stands in their place, are at `offset`. Of fragments the addresses count
 * alone: only the first has ports, and all of a datagram are to come by one queue.
 */
function hashAt(ip: Parameters<typeof flowHash>[0], packet: Packet, offset: Int<"u32">, isFragment: Bool): Int<"u32"> {
  const both = variable(u32(0));
  when(isFragment.not(), () => {
    packet
      .cursorAt(offset)
      .read(Ports)
      .then(({ source, destination }) => both.set(source.raw().toU32().or(destination.raw().toU32().shl(16))));
  });
  return flowHash(ip, both.get());
}

function isFragmentOf({ fragment }: Reference<typeof Ipv4.fields>): Bool {
  return fragment.raw().and(FRAGMENT_MASK).ne(0);
}

/** One of the ways to wrap that a program has. */
interface Wrapping {
  readonly outer: Family;
  readonly encapsulation: Encapsulation;
  readonly hasChecksum: boolean;
}

/** What is known of the packet to be wrapped. */
interface Inside extends Read, Pick<OuterFields, "spread"> {
  readonly family: Family;
}

function wrapAs(place: At, destination: DestinationReference, wrapping: Wrapping, inside: Inside): void {
  const { packet, networkOffset } = place;
  const { outer, encapsulation, hasChecksum } = wrapping;
  const { transport, protocol, write } = encapsulation;
  const size = tunnelOverhead(encapsulation.name, outer.name, { hasChecksum });
  insertRoom(place, size, { family: outer.name, ...(transport !== undefined && { transport }) });
  const length = inside.length.add(size);
  const ends = { source: destination.tunnelSource, destination: destination.address };
  writeOuter(outer, packet.cursorAt(networkOffset), ends, {
    ...{ length, protocol: protocol[inside.family.name], spread: inside.spread },
    hops: inside.fields.and(0xff),
    typeOfService: inside.fields.shr(8).and(0xff),
    dontFragment: inside.fields.shr(16),
  });
  write(packet.cursorAt(networkOffset.add(outerSizes[outer.name])), {
    ...{
      inner: inside.family.name,
      length: inside.length,
      flowHash: inside.hash,
      port: destination.tunnelPort,
      hasChecksum,
    },
  });
  if (packet.hook === "tc" && !hasChecksum) accountForHeaders(place, size);
}

/** A network card may have summed up the packet without its new headers: 4 bytes at a time, as many as they have. */
function accountForHeaders({ packet, networkOffset }: At, size: number): void {
  const headers = packet.cursorAt(networkOffset).checksum(u32(size), { atMost: size }).orDrop(reasons.internal);
  packet.accountFor(headers);
}

/** The bits of the last word of the source address that tell flows apart, as they lie in memory. */
function spreadMask({ encapsulation }: DestinationReference): Int<"u32"> {
  return u32(1).shl(encapsulation.shr(SPREAD_SHIFT)).sub(1).toNet().raw();
}

/** Runs `body` for the one of `all` that is meant; where there is but one, without asking. */
function among<T>(all: readonly T[], isMeant: (one: T) => Bool, body: (one: T) => void): void {
  for (const one of all) {
    if (all.length === 1) body(one);
    else when(isMeant(one), () => body(one));
  }
}

/** Full-functionality option of RFC 3168 §9.1.1: "congestion experienced" stays inside, the outside begins anew. */
function outerTypeOfService(inner: Int<"u32">): Int<"u32"> {
  // 3 is "congestion experienced", 2 "capable of it".
  return inner.sub(inner.and(inner.shr(1)).and(1));
}

/**
 * Where the checksum of the packet inside is yet to be computed: where what it covers begins, in the upper half, and
 * what all of that will sum up to, in the lower one, since the frame has room for one number. 0: it is whole.
 */
function pendingInside(packet: TcPacket, family: Family, innerAt: Int<"u32">) {
  const header = () =>
    family.name === "ipv4"
      ? packet.cursorAt(innerAt).read(Ipv4).orDrop(reasons.internal)
      : packet.cursorAt(innerAt).read(Ipv6).orDrop(reasons.internal);
  const ip = header();
  const payloadOffset = innerAt.add("protocol" in ip ? ip.versionAndLength.and(0x0f).shl(2) : Ipv6.size);
  const protocol = "protocol" in ip ? ip.protocol : ip.nextHeader;
  const { isPending, covered } = pendingSum(packet, { protocol, network: { payloadOffset } });
  return choose(isPending.ne(0), payloadOffset.shl(16).or(covered.raw().xor(0xffff).toU32()), u32(0));
}

/** Bytes behind the outer header. */
function coveredLength(outer: Family, at: Cursor): Int<"u32"> {
  if (outer.name === "ipv6") return at.read(Ipv6).orDrop(reasons.internal).payloadLength.toHost().toU32();
  return at.read(Ipv4).orDrop(reasons.internal).totalLength.toHost().toU32().sub(Ipv4.size);
}

/** Computes the checksum of an encapsulation's header and all behind it. */
function seal(
  { packet, networkOffset }: At,
  { outer, encapsulation }: Wrapping,
  { covers, offset, zero }: TunnelChecksum,
  inner: Family,
): void {
  const at = networkOffset.add(outerSizes[outer.name]);
  const covered = coveredLength(outer, packet.cursorAt(networkOffset));
  const innerAt = networkOffset.add(tunnelOverhead(encapsulation.name, outer.name, { hasChecksum: true }));
  const pending = packet instanceof TcPacket ? pendingInside(packet, inner, innerAt) : undefined;
  const summed = pending === undefined ? covered : choose(pending.ne(0), pending.shr(16).sub(at), covered);
  const first = packet.cursorAt(at).checksum(summed, { atMost: LONGEST_SUM }).orDrop(reasons.tooLongToSum);
  const bytes = pending === undefined ? first : first.plus({ sum: pending.and(0xffff).toU64() });
  const ends = () =>
    outer.name === "ipv4"
      ? packet.cursorAt(networkOffset).read(Ipv4).orDrop(reasons.internal)
      : packet.cursorAt(networkOffset).read(Ipv6).orDrop(reasons.internal);
  const protocol = u32(encapsulation.protocol.ipv4);
  const sum = covers === "itself" ? bytes : bytes.plus(pseudoHeader(ends(), protocol, covered));
  const check = variable<"be16">(sum.fold());
  if (zero !== 0) when(check.get().eq(0), () => check.set(be16(zero)));
  packet.cursorAt(at.add(offset)).read(Word16).orDrop(reasons.internal).word = check.get();
}
