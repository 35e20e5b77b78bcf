// Takes the outer header off packets that a director sent through a tunnel: IP in IP (RFC 2003, RFC 2473), GRE
// (RFC 2784) and GUE (draft-ietf-intarea-gue), IPv4 and IPv6 in either. No tunnel device and no module is needed. What
// strangers send is not unwrapped, nor what is for no service of ours: the network stack gets it as it came.
import {
  be16,
  be32,
  type Bool,
  checksum,
  choose,
  guard,
  type Int,
  type Packet,
  pass,
  type ProgramDefinition,
  type Reference,
  stack,
  type Struct,
  u32,
  u64,
  u8,
  type Variable,
  variable,
  type Verdict,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { Address, MAPPED_WORD } from "../addresses.ts";
import { Ethernet, etherTypes, Gre, Gue, Ipv4, Ipv6, Ports, protocols, Udp } from "./headers.ts";
import { ADDRESS_ONLY, directors, reasons, Service, services, unwrapCounts } from "./maps.ts";

const ETHERNET_BYTES = 14;
const IPV6_BYTES = 40;
/** Lets the verifier see that the inner header begins near: 14 + 60 + 8 + 4 + 124 bytes at most. */
const NEAR = 255;
/** More fragments, and the offset (RFC 791, 3.1). */
const FRAGMENTED = 0x3fff;
const FRAGMENT_OFFSET = 0x1fff;
const ECN = 3;
const ECT1 = 1;
const ECT0 = 2;
const CONGESTION_EXPERIENCED = 3;
/** Bits of GRE's first word: checksum, key and sequence number follow. All others must be zero (RFC 2784, 2.3). */
const GRE = { checksum: 0x8000, key: 0x2000, sequence: 0x1000, known: 0xb000 } as const;
/** Packets that are larger have been put together from several whose sums were verified then. */
const LARGEST_SUMMED = 2047;

type FieldsOf<T> = T extends Struct<infer F> ? F : never;

/** What is known of the outer headers. */
interface Outer {
  /** Byte at which what is behind the outer IP header begins. */
  readonly at: Variable<Int<"u32">>;
  readonly end: Variable<Int<"u32">>;
  readonly protocol: Variable<Int<"u32">>;
  readonly ecn: Variable<Int<"u32">>;
  /** Of the addresses, for the pseudo header of a checksum. */
  readonly addressSum: Variable<Int<"u64">>;
}

export interface UnwrapOptions {
  /** UDP port of GUE. */
  readonly guePort: number;
}

/** The program for XDP. */
export function unwrapper(options: UnwrapOptions): ProgramDefinition {
  return xdp("rs_unwrap", (packet) => unwrap(packet, options), { count });
}

function count(code: Int<"u32">): void {
  unwrapCounts.lookup(code).then((counter) => {
    counter.packets = counter.packets.add(1);
  });
}

function unwrap(packet: Packet, { guePort }: UnwrapOptions): Verdict {
  const outer = readOuter(packet, guePort);
  const inside = readTunnel(packet, outer);
  const isIpv4 = inside.protocol.get().eq(protocols.ipv4);
  when(isIpv4, () => admitIpv4(packet, inside.at.get(), outer.ecn.get())).otherwise(() => {
    guard(inside.protocol.get().eq(protocols.ipv6)).orPass(reasons.malformed);
    admitIpv6(packet, inside.at.get(), outer.ecn.get());
  });
  return strip(packet, inside.at.get(), isIpv4);
}

/** The outer IP header; what cannot be one of our tunnels leaves here, uncounted: that is nearly all traffic. */
function readOuter(packet: Packet, guePort: number): Outer {
  const outer: Outer = {
    at: variable(u32(0)),
    end: variable(u32(0)),
    protocol: variable(u32(0)),
    ecn: variable(u32(0)),
    addressSum: variable(u64(0)),
  };
  const peer = stack(Address);
  const ethernet = packet.read(Ethernet).orPass();
  when(ethernet.type.eq(etherTypes.ipv4), () => {
    const ip = packet.cursorAt(ETHERNET_BYTES).read(Ipv4).orPass();
    const start = ip.start.toHost();
    const bytes = start.shr(8).and(0xf).shl(2);
    guardTunnel(packet, { at: bytes.add(ETHERNET_BYTES), protocol: ip.protocol }, guePort);
    guard(ip.fragment.toHost().and(FRAGMENTED).eq(0)).orPass(reasons.outerFragment);
    guard(start.shr(12).eq(4).and(bytes.ge(20)).and(ip.length.toHost().ge(bytes))).orPass(reasons.malformed);
    outer.at.set(bytes.add(ETHERNET_BYTES));
    outer.end.set(ip.length.toHost().add(ETHERNET_BYTES));
    outer.protocol.set(ip.protocol.toU32());
    outer.ecn.set(start.and(ECN));
    outer.addressSum.set(ip.source.raw().toU64().add(ip.destination.raw().toU64()));
    const mapped = [be32(0), be32(0), be32(MAPPED_WORD), ip.source];
    mapped.forEach((word, index) => peer.words.set(index, word));
  }).otherwise(() => {
    guard(ethernet.type.eq(etherTypes.ipv6)).orPass();
    const ip = packet.cursorAt(ETHERNET_BYTES).read(Ipv6).orPass();
    const at = u32(ETHERNET_BYTES + IPV6_BYTES);
    guardTunnel(packet, { at, protocol: ip.nextHeader }, guePort);
    outer.at.set(at);
    outer.end.set(ip.payloadLength.toHost().add(at));
    outer.protocol.set(ip.nextHeader.toU32());
    outer.ecn.set(ip.start.toHost().shr(20).and(ECN));
    const sums = [0, 1, 2, 3].map((word) =>
      ip.source.at(word).raw().toU64().add(ip.destination.at(word).raw().toU64()),
    );
    outer.addressSum.set(sums.reduce((sum, each) => sum.add(each)));
    for (const word of [0, 1, 2, 3]) peer.words.set(word, ip.source.at(word));
  });
  directors.lookup(peer).orPass(reasons.fromStranger);
  return outer;
}

interface Carried {
  readonly at: Int<"u32">;
  readonly protocol: Int<"u8">;
}

/** Goes on only with what may be a tunnel. */
function guardTunnel(packet: Packet, { at, protocol }: Carried, guePort: number): void {
  when(protocol.eq(protocols.udp), () => {
    const udp = packet.cursorAt(at.and(NEAR)).read(Udp).orPass();
    guard(udp.destination.eq(guePort)).orPass();
  }).otherwise(() => {
    guard(protocol.eq(protocols.ipv4).or(protocol.eq(protocols.ipv6)).or(protocol.eq(protocols.gre))).orPass();
  });
}

/** Where the inner header begins, and of which protocol it is. */
interface Inside {
  readonly at: Variable<Int<"u32">>;
  readonly protocol: Variable<Int<"u32">>;
}

function readTunnel(packet: Packet, outer: Outer): Inside {
  const inside: Inside = { at: variable(outer.at.get()), protocol: variable(outer.protocol.get()) };
  when(outer.protocol.get().eq(protocols.udp), () => readGue(packet, outer, inside));
  when(outer.protocol.get().eq(protocols.gre), () => readGre(packet, outer, inside));
  return inside;
}

/** Data messages of variant 0 without optional fields that would have to be understood (GUE 3.2, 3.3). */
function readGue(packet: Packet, outer: Outer, inside: Inside): void {
  const at = outer.at.get();
  const cursor = packet.cursorAt(at.and(NEAR));
  const udp = cursor.read(Udp).orPass(reasons.malformed);
  const gue = cursor.read(Gue).orPass(reasons.malformed);
  guard(gue.start.lt(0x20).and(gue.flags.eq(0))).orPass(reasons.malformed);
  const bytes = udp.length.toHost().toU32();
  guard(bytes.ge(12).and(at.add(bytes).le(outer.end.get()))).orPass(reasons.malformed);
  when(udp.check.ne(0), () => {
    const pseudo = outer.addressSum
      .get()
      .add(udp.length.raw().toU64())
      .add(protocols.udp << 8);
    verify(packet, at, bytes, pseudo);
  });
  inside.at.set(at.add(12).add(gue.start.shl(2)));
  inside.protocol.set(gue.protocol.toU32());
}

function readGre(packet: Packet, outer: Outer, inside: Inside): void {
  const at = outer.at.get();
  const gre = packet.cursorAt(at.and(NEAR)).read(Gre).orPass(reasons.malformed);
  const flags = gre.flags.toHost();
  guard(flags.and(0xffff & ~GRE.known).eq(0)).orPass(reasons.malformed);
  const isIpv4 = gre.protocol.eq(etherTypes.ipv4);
  guard(isIpv4.or(gre.protocol.eq(etherTypes.ipv6))).orPass(reasons.malformed);
  when(flags.and(GRE.checksum).ne(0), () => verify(packet, at, outer.end.get().sub(at), u64(0)));
  // The three flags are bits 15, 13 and 12; each stands for four bytes.
  const words = flags.shr(15).add(flags.shr(13).and(1)).add(flags.shr(12).and(1));
  inside.at.set(at.add(4).add(words.shl(2)));
  inside.protocol.set(choose(isIpv4, u32(protocols.ipv4), u32(protocols.ipv6)));
}

/** Sums up `bytes` bytes from `at` with their checksum among them: nothing is left where it is right. */
function verify(packet: Packet, at: Int<"u32">, bytes: Int<"u32">, pseudo: Int<"u64">): void {
  packet
    .cursorAt(at.and(NEAR))
    .checksum(bytes, { atMost: LARGEST_SUMMED })
    .then((sum) => guard(sum.plus({ sum: pseudo }).fold().eq(0)).orDrop(reasons.badChecksum));
}

/** Goes on with a packet for one of our services, and gives it the mark that the outer header came with. */
function admitIpv4(packet: Packet, at: Int<"u32">, ecn: Int<"u32">): void {
  const ip = packet.cursorAt(at.and(NEAR)).read(Ipv4).orPass(reasons.malformed);
  const start = ip.start.toHost();
  guard(start.shr(12).eq(4).and(start.shr(8).and(0xf).ge(5))).orPass(reasons.malformed);
  const key = stack(Service);
  const mapped = [be32(0), be32(0), be32(MAPPED_WORD), ip.destination];
  mapped.forEach((word, index) => key.address.set(index, word));
  const isWhole = ip.fragment.toHost().and(FRAGMENT_OFFSET).eq(0);
  admit(packet, key, { at: at.add(start.shr(8).and(0xf).shl(2)), protocol: ip.protocol, isWhole });
  mark(start.and(ECN), ecn, (marked) => {
    const changed = start
      .and(0xffff & ~ECN)
      .or(marked)
      .toU16()
      .toNet();
    ip.check = checksum(ip.check).replace(ip.start, changed).fold();
    ip.start = changed;
  });
}

function admitIpv6(packet: Packet, at: Int<"u32">, ecn: Int<"u32">): void {
  const ip = packet.cursorAt(at.and(NEAR)).read(Ipv6).orPass(reasons.malformed);
  const start = ip.start.toHost();
  guard(start.shr(28).eq(6)).orPass(reasons.malformed);
  const key = stack(Service);
  for (const word of [0, 1, 2, 3]) key.address.set(word, ip.destination.at(word));
  admit(packet, key, { at: at.add(IPV6_BYTES), protocol: ip.nextHeader, isWhole: u32(0).eq(0) });
  mark(start.shr(20).and(ECN), ecn, (marked) => {
    ip.start = start
      .and(0xffff_ffff - (ECN << 20))
      .or(marked.shl(20))
      .toNet();
  });
}

interface InnerTransport {
  readonly at: Int<"u32">;
  readonly protocol: Int<"u8">;
  /** Whether ports are there: not in later fragments. */
  readonly isWhole: Bool;
}

/** Goes on only where `key`'s address, with the port and protocol inside, is a service. */
function admit(packet: Packet, key: Reference<FieldsOf<typeof Service>>, inner: InnerTransport): void {
  const hasPorts = inner.protocol.eq(protocols.tcp).or(inner.protocol.eq(protocols.udp)).and(inner.isWhole);
  key.unused = u8(0);
  when(hasPorts, () => {
    const ports = packet
      .cursorAt(inner.at.and(2 * NEAR + 1))
      .read(Ports)
      .orPass(reasons.malformed);
    key.port = ports.destination;
    key.protocol = inner.protocol;
    services
      .lookup(key)
      .then(() => undefined)
      .otherwise(() => {
        key.port = be16(0);
        services.lookup(key).orPass(reasons.noService);
      });
  }).otherwise(() => {
    key.port = be16(0);
    key.protocol = u8(ADDRESS_ONLY);
    services.lookup(key).orPass(reasons.noService);
  });
}

/** What RFC 6040 (4.2, figure 4) makes of the inner mark; `set` is called where it changes. */
function mark(inner: Int<"u32">, outer: Int<"u32">, set: (marked: Int<"u32">) => void): void {
  when(outer.eq(CONGESTION_EXPERIENCED).and(inner.ne(CONGESTION_EXPERIENCED)), () => {
    guard(inner.ne(0)).orDrop(reasons.congestion);
    set(u32(CONGESTION_EXPERIENCED));
  });
  when(outer.eq(ECT1).and(inner.eq(ECT0)), () => set(u32(ECT1)));
}

/** Takes everything before the inner header off, and puts the frame's addresses before it. */
function strip(packet: Packet, at: Int<"u32">, isIpv4: Bool): Verdict {
  const before = packet.cursorAt(0).read(Ethernet).orPass(reasons.malformed);
  const addresses = stack(Ethernet, { destination: before.destination, source: before.source, type: be16(0) });
  when(isIpv4, () => {
    addresses.type = be16(etherTypes.ipv4);
  }).otherwise(() => {
    addresses.type = be16(etherTypes.ipv6);
  });
  const moved = packet.adjustHead(at.sub(ETHERNET_BYTES).and(NEAR));
  guard(moved.eq(0)).orDrop(reasons.noRoom);
  const ethernet = packet.read(Ethernet).orDrop(reasons.noRoom);
  ethernet.destination = addresses.destination;
  ethernet.source = addresses.source;
  ethernet.type = addresses.type;
  return pass(reasons.unwrapped);
}
