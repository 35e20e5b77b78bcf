// An ICMP error about the outside of a tunnel: routers on the way to a server send it to the director, whose packet it
// was. The packet inside finds its client, who is told the same of that one; what a router says of its MTU is kept.
// Rules: the shared behaviour reference §9; ip_vs_in_icmp in net/netfilter/ipvs/ip_vs_core.c.

import {
  be16,
  be32,
  choose,
  drop,
  guard,
  type Int,
  Packet,
  type Reference,
  struct,
  u32,
  u8,
  type Variable,
  variable,
  verdict,
  verdictFn,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import { type Address, AnyAddress, copyAddress, isSameAddress } from "../address.ts";
import { HEADERS, LONGEST, writeIcmpError } from "../answer/icmp-error.ts";
import { currentTick } from "../clock.ts";
import type { Family, FamilyName } from "../family.ts";
import { encapsulations } from "../forward/encapsulate/registry.ts";
import { methods } from "../forward/registry.ts";
import { Ethernet, Icmp, ICMP_PROTOCOLS, IPPROTO_TCP, IPPROTO_UDP, Ipv4, Ipv6, OWN_HOPS, Ports } from "../headers.ts";
import { isExpired, REQUEST } from "../life.ts";
import { DO_NOT_FRAGMENT, networkHeader } from "../network-header.ts";
import { parseFrame } from "../parse.ts";
import { LEAST_PATH_MTU, learnPathMtu } from "../path-mtu.ts";
import { pseudoHeader } from "../pseudo-header.ts";
import { countInSecond } from "../rate.ts";
import { reasons } from "../reasons.ts";
import { removeRoom } from "../room.ts";
import { sendToClient } from "../forward/send-to-client.ts";
import type { SendingRoad } from "../sending.ts";

/** What the first step returns in the place of a verdict: it is no such error, or the client is to be told. */
export const tunnelErrors = { other: 0x2_0001, told: 0x2_0002 } as const;

/** Offsets in the error are below: two tags, an IP header, ICMP's, and what a tunnel adds. */
const OFFSET_MASK = 0xff;
/** What is read at most: headers with all options, three of IP. */
const READ_AHEAD = 22 + 60 + Icmp.size + 60 + 12 + 60 + Ports.size;
/** More than any error is long that is believed. */
const LONGEST_SUM = 2047;
/** The offset of a later fragment, as it lies in memory (RFC 791). */
const FRAGMENT_OFFSET = 0xff1f;
/** Flags of GRE: a checksum follows (RFC 2784); as they lie in memory. */
const GRE_CHECKSUM = 0x0080;
const Half = struct("gre_flags", { flags: be16, protocol: be16 });
const Kind = struct("icmp_kind", { type: u8, code: u8, check: be16, parameter: be32 });

/** Types and codes that tell an MTU (RFC 1191, RFC 4443 §3.2), and which types are errors. */
const TOO_BIG = { ipv4: [3, 4], ipv6: [2, 0] } as const;
const IPV4_ERRORS = [3, 11] as const;
const FIRST_INFORMATION = 128;

/** What is quoted: the outside, and how far behind its start the packet inside begins. */
interface Outside {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: Int<"u8">;
}

/**
 * The first step: `other` where the packet is no such error and goes on as it is; `told` where it is one, has been cut
 * down to the packet inside with room for an error before it, and `errand.flow` says what: in `protocol` type, code and
 * MTU, in `sourcePort` how many bytes there are to quote.
 */
export function tunnelErrorFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  const other = verdict(u32(tunnelErrors.other));
  return verdictFn(
    `tunnel_error${family.digit}`,
    { packet: Packet, errand: family.Errand },
    ({ packet, errand }) => {
      packet.makeReadable(READ_AHEAD);
      const frame = parseFrame(packet, shape);
      const network = networkHeader(family, packet, frame.networkOffset);
      guard(network.protocol.eq(ICMP_PROTOCOLS[family.name])).orLeave(other);
      const icmp = viewAs(network.payload.fork().read(Icmp).orLeave(other), Icmp, Kind);
      guard(isError(family.name, icmp.type)).orLeave(other);
      if (packet.hook === "tc") guard(frame.networkOffset.eq(Ethernet.size)).orLeave(other);
      const outerAt = network.payloadOffset.add(Icmp.size);
      const outside = readOutside(family, packet, outerAt);
      guard(isSameAddress(network.destination, outside.source)).orLeave(other);
      const overhead = variable(u32(0));
      measure(road, packet, outerAt, outside, overhead);
      guard(overhead.get().ne(0)).orLeave(other);
      const { flow } = errand;
      const inner = readInner(family, packet, outerAt.add(overhead.get()).and(OFFSET_MASK), flow);
      const least = overhead
        .get()
        .add(inner.headerLength)
        .add(Icmp.size + Ports.size);
      guard(network.payloadLength.ge(least)).orLeave(other);
      const now = currentTick(maps, shape);
      const connection = maps[family.name].connections.lookup(flow).orLeave(other);
      guard(isExpired(connection.life, now).not().and(connection.direction.eq(REQUEST))).orLeave(other);
      guard(connection.method.eq(methods.tun.code)).orLeave(other);
      const destination = maps.destinations.lookup(connection.destination).orLeave(other);
      const server = viewAs(destination.address, AnyAddress, family.Address);
      guard(isSameAddress(outside.destination, server)).orLeave(other);
      guard(overhead.get().eq(destination.overhead.toU32())).orLeave(other);
      const sum = packet.cursorAt(network.payloadOffset).checksum(network.payloadLength, { atMost: LONGEST_SUM });
      const summed = sum.orPass(reasons.malformedIcmp);
      const covered = pseudoHeader(network, u32(ICMP_PROTOCOLS.ipv6), network.payloadLength);
      const check = (family.name === "ipv4" ? summed : summed.plus(covered)).fold();
      guard(check.eq(0)).orPass(reasons.malformedIcmp);
      const told = variable(u32(0));
      when(isTooBig(family.name, icmp), () => {
        const parameter = icmp.parameter.toHost();
        const mtu = family.name === "ipv4" ? parameter.and(0xffff) : parameter;
        guard(mtu.ge(LEAST_PATH_MTU).and(mtu.le(0xffff))).orDrop(reasons.tunnelErrorKept);
        const { hop } = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
        const load = maps.loads.lookup(connection.destination).orDrop(reasons.internal);
        learnPathMtu(load, mtu, now);
        told.set(mtu.sub(overhead.get()));
        // Other CPUs learn of it when they next ask for the way.
        when(told.get().lt(hop.mtu), () => (hop.mtu = told.get().toU16()));
        guard(inner.mayBeDivided.eq(0)).orDrop(reasons.tunnelErrorKept);
      });
      const before = countInSecond(maps, maps.tallies.value.answers, now);
      guard(before.lt(maps.settings.value.answersPerSecond)).orDrop(reasons.tooManyAnswers);
      flow.protocol = icmp.type.toU32().shl(24).or(icmp.code.toU32().shl(16)).or(told.get());
      flow.sourcePort = network.payloadLength.sub(overhead.get().add(Icmp.size)).toU16().toNet();
      const innerAt = network.payloadOffset.add(overhead.get()).add(Icmp.size);
      removeRoom(frame, innerAt.sub(frame.networkOffset).sub(HEADERS[family.name]).and(OFFSET_MASK));
      return verdict(u32(tunnelErrors.told));
    },
    { isGlobal: true },
  );
}

function readOutside(family: Family, packet: Packet, at: Int<"u32">): Outside {
  const other = verdict(u32(tunnelErrors.other));
  if (family.name === "ipv4") {
    const ip = packet.cursorAt(at).read(Ipv4).orLeave(other);
    return { source: ip.source, destination: ip.destination, protocol: ip.protocol };
  }
  const ip = packet.cursorAt(at).read(Ipv6).orLeave(other);
  return { source: ip.source, destination: ip.destination, protocol: ip.nextHeader };
}

function isError(family: FamilyName, type: Int<"u8">) {
  if (family === "ipv6") return type.lt(FIRST_INFORMATION);
  const [unreachable, exceeded] = IPV4_ERRORS;
  return type.eq(unreachable).or(type.eq(exceeded));
}

function isTooBig(family: FamilyName, { type, code }: Reference<typeof Kind.fields>) {
  const [wantedType, wantedCode] = TOO_BIG[family];
  return type.eq(wantedType).and(code.eq(wantedCode));
}

/** Sets how long the outside's headers are, as this director writes them; it stays 0 for all else. */
function measure(
  { shape, family }: SendingRoad,
  packet: Packet,
  outerAt: Int<"u32">,
  { protocol }: Outside,
  overhead: Variable<Int<"u32">>,
): void {
  const header = family.name === "ipv4" ? Ipv4.size : Ipv6.size;
  const startsRight = packet
    .cursorAt(outerAt)
    .read(FirstByte)
    .orLeave(verdict(u32(tunnelErrors.other)));
  const first = family.name === "ipv4" ? startsRight.first.eq(0x45) : startsRight.first.and(0xf0).eq(0x60);
  for (const name of shape.encapsulations) {
    const encapsulation = encapsulations[name];
    when(first.and(protocol.eq(encapsulation.protocol[family.name])), () => {
      const { plain, withChecksum } = encapsulation.size;
      overhead.set(u32(header + plain));
      if (withChecksum === plain) return;
      const { flags } = packet
        .cursorAt(outerAt.add(header))
        .read(Half)
        .orLeave(verdict(u32(tunnelErrors.other)));
      when(flags.raw().and(GRE_CHECKSUM).ne(0), () => overhead.set(u32(header + withChecksum)));
    });
  }
}
const FirstByte = struct("first_byte", { first: u8 });

/** Reads the packet inside, of a flow as its client sends; what has no ports goes on as it is. */
function readInner(family: Family, packet: Packet, at: Int<"u32">, flow: Reference<Family["FlowKey"]["fields"]>) {
  const other = verdict(u32(tunnelErrors.other));
  const headerLength = variable(u32(Ipv6.size));
  const mayBeDivided = variable(u32(0));
  if (family.name === "ipv4") {
    const ip = packet.cursorAt(at).read(Ipv4).orLeave(other);
    headerLength.set(ip.versionAndLength.and(0x0f).shl(2));
    guard(ip.versionAndLength.and(0xf0).eq(0x40).and(headerLength.get().ge(Ipv4.size))).orLeave(other);
    guard(ip.fragment.raw().and(FRAGMENT_OFFSET).eq(0)).orLeave(other);
    mayBeDivided.set(choose(ip.fragment.raw().and(DO_NOT_FRAGMENT).eq(0), u32(1), u32(0)));
    copyEnds(flow, ip, ip.protocol);
  } else {
    const ip = packet.cursorAt(at).read(Ipv6).orLeave(other);
    guard(ip.versionClassAndFlow.raw().and(0xf0).eq(0x60)).orLeave(other);
    copyEnds(flow, ip, ip.nextHeader);
  }
  guard(flow.protocol.eq(IPPROTO_TCP).or(flow.protocol.eq(IPPROTO_UDP))).orLeave(other);
  const ports = packet.cursorAt(at.add(headerLength.get())).read(Ports).orLeave(other);
  flow.sourcePort = ports.source;
  flow.destinationPort = ports.destination;
  return { headerLength: headerLength.get(), mayBeDivided: mayBeDivided.get() };
}

type Ends = Pick<Reference<typeof Ipv4.fields>, "source" | "destination">;

function copyEnds(flow: Reference<Family["FlowKey"]["fields"]>, ends: Ends, protocol: Int<"u8">): void {
  copyAddress(flow.source, ends.source);
  copyAddress(flow.destination, ends.destination);
  flow.protocol = protocol.toU32();
}

/** The second step: the error that the first one noted, about the packet that is left. */
export function tunnelAnswerFunction({ shape, family }: SendingRoad) {
  return verdictFn(
    `tunnel_answer${family.digit}`,
    { packet: Packet, errand: family.Errand },
    ({ packet, errand: { flow } }) => {
      const { networkOffset } = parseFrame(packet, shape);
      const most = LONGEST[family.name] - HEADERS[family.name];
      const available = flow.sourcePort.toHost().toU32();
      const quoted = choose(available.gt(most), u32(most), available);
      const length = quoted.add(networkOffset).add(HEADERS[family.name]);
      guard(packet.adjustTail(length.sub(packet.length())).eq(0)).orDrop(reasons.internal);
      const note = flow.protocol;
      // One more, which is counted where it is sent.
      const place = {
        packet,
        networkOffset,
        family: family.name,
        quoted,
        hops: OWN_HOPS + 1,
        sender: flow.destination,
      };
      const number = (icmp: Reference<typeof Icmp.fields>): void => {
        icmp.type = note.shr(24).toU8();
        icmp.code = note.shr(16).and(0xff).toU8();
        icmp.parameter = note.and(0xffff).toNet();
      };
      writeIcmpError(place, number, { before: u32(0), pending: undefined });
      return verdict(u32(tunnelErrors.told));
    },
    { isGlobal: true },
  );
}

/** The last step: on the way to the client. */
export function tunnelTellFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  return verdictFn(
    `tunnel_tell${family.digit}`,
    { packet: Packet },
    ({ packet }) => {
      const frame = parseFrame(packet, shape);
      const network = networkHeader(family, packet, frame.networkOffset);
      const ports = network.payload.fork().read(Ports).orDrop(reasons.internal);
      const { payload: transport, protocol } = network;
      const parsed = { ...frame, network, ports, transport, protocol, flags: u32(0) };
      sendToClient(road, { parsed, now: currentTick(maps, shape) });
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}
