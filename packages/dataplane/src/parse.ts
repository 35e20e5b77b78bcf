// First station of the packet's road: finds the headers, and lets everything pass that is not a whole,
// well-formed IPv4 TCP or UDP packet for this machine. Nothing is changed here.

import {
  type Bool,
  type Cursor,
  guard,
  type Int,
  type Net,
  type Packet,
  type Reference,
  repeat,
  u32,
  type Variable,
  variable,
  when,
} from "@yardmaster/ebpf";
import {
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_IP,
  Ethernet,
  HeaderWord,
  HeaderWords,
  IPPROTO_TCP,
  IPPROTO_UDP,
  Ipv4,
  Ports,
  Tcp,
  Udp,
  VlanTag,
} from "./headers.ts";
import { reasons } from "./reasons.ts";
import type { BalancerShape } from "./shape.ts";

/** A packet that the director may have to forward. */
export interface Parsed {
  readonly packet: Packet;
  readonly ethernet: Reference<typeof Ethernet.fields>;
  readonly ip: Reference<typeof Ipv4.fields>;
  readonly ports: Reference<typeof Ports.fields>;
  /** At the TCP or UDP header. */
  readonly transport: Cursor;
  readonly protocol: Int<"u8">;
  /** TCP's flags; 0 for UDP. */
  readonly flags: Int<"u32">;
  /** Where the IPv4 header begins: 14, 18 or 22. */
  readonly ipOffset: Int<"u32">;
}

/** Reads the headers; packets that are not for the balancer leave here. */
export function parse(packet: Packet, shape: BalancerShape): Parsed {
  const ethernet = packet.read(Ethernet).orPass(reasons.truncated);
  guard(isForOneOf(ethernet, shape.macs)).orPass(reasons.notForThisHost);
  const { type, offset } = skipTags(packet, ethernet.type);
  guard(type.get().eq(ETH_P_IP)).orPass(reasons.notIpv4);

  const ipOffset = offset.get();
  const ip = packet.cursorAt(ipOffset).read(Ipv4).orPass(reasons.truncated);
  const versionAndLength = ip.versionAndLength;
  guard(versionAndLength.and(0xf0).eq(0x40)).orPass(reasons.malformedIp);
  const headerLength = versionAndLength.and(0x0f).shl(2);
  guard(headerLength.ge(20)).orPass(reasons.malformedIp);
  const totalLength = ip.totalLength.toHost();
  guard(totalLength.toU32().add(ipOffset).le(packet.length())).orPass(reasons.truncated);
  guard(ip.fragment.raw().and(FRAGMENT_MASK).eq(0)).orPass(reasons.fragment);
  guard(headerSum(packet, ipOffset, headerLength).eq(0xffff)).orPass(reasons.badIpChecksum);

  const protocol = ip.protocol;
  const transport = packet.cursorAt(ipOffset.add(headerLength));
  const ports = transport.fork().read(Ports).orPass(reasons.truncated);
  const flags = transportFlags(protocol, transport, totalLength.sub(headerLength), totalLength.ge(headerLength));
  return { packet, ethernet, ip, ports, transport, protocol, flags, ipOffset };
}

/** "More fragments" and the offset, as the bytes lie in memory (RFC 791: 0x3fff in network order). */
const FRAGMENT_MASK = 0xff3f;

function isForOneOf(ethernet: Reference<typeof Ethernet.fields>, macs: readonly Uint8Array[]): Bool {
  const high = ethernet.destinationHigh;
  const low = ethernet.destinationLow;
  const matches = macs.map((mac) => {
    const view = new DataView(mac.buffer, mac.byteOffset, mac.byteLength);
    return high.eq(view.getUint32(0)).and(low.eq(view.getUint16(4)));
  });
  return matches.reduce((any, one) => any.or(one));
}

/** Up to two VLAN tags may stand between the MAC addresses and what the frame carries. */
function skipTags(packet: Packet, first: Net<"be16">): { type: Variable<Net<"be16">>; offset: Variable<Int<"u32">> } {
  const type = variable(first);
  const offset = variable(u32(Ethernet.size));
  when(
    isTag(first),
    () => {
      const outer = packet.cursorAt(Ethernet.size).read(VlanTag).orPass(reasons.truncated);
      type.set(outer.type);
      offset.set(u32(Ethernet.size + VlanTag.size));
      when(isTag(outer.type), () => {
        const inner = packet
          .cursorAt(Ethernet.size + VlanTag.size)
          .read(VlanTag)
          .orPass(reasons.truncated);
        guard(isTag(inner.type).not()).orPass(reasons.tooManyTags);
        type.set(inner.type);
        offset.set(u32(Ethernet.size + 2 * VlanTag.size));
      });
    },
    { isRare: true },
  );
  return { type, offset };
}

function isTag(type: Net<"be16">): Bool {
  return type.eq(ETH_P_8021Q).or(type.eq(ETH_P_8021AD));
}

/** The sum of the header's 16-bit words, folded until it is 0xffff where its checksum is right (RFC 1071). */
function headerSum(packet: Packet, ipOffset: Int<"u32">, headerLength: Int<"u32">): Int<"u64"> {
  const words = packet.cursorAt(ipOffset).read(HeaderWords).orPass(reasons.truncated);
  const sum = variable(
    words.a.raw().toU64().add(words.b.raw()).add(words.c.raw()).add(words.d.raw()).add(words.e.raw()),
  );
  when(
    headerLength.ne(Ipv4.size),
    () => {
      const options = headerLength.sub(Ipv4.size).shr(2);
      repeat({ times: options, atMost: 10 }, (index) => {
        const word = packet
          .cursorAt(ipOffset.add(index.shl(2)).add(Ipv4.size))
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

/** Checks the transport header and gives TCP's flags. */
function transportFlags(protocol: Int<"u8">, transport: Cursor, length: Int<"u32">, isLongEnough: Bool): Int<"u32"> {
  const flags = variable(u32(0));
  guard(isLongEnough).orPass(reasons.malformedIp);
  when(protocol.eq(IPPROTO_TCP), () => {
    const tcp = transport.fork().read(Tcp).orPass(reasons.truncated);
    const headerLength = tcp.dataOffset.shr(4).shl(2);
    guard(headerLength.ge(Tcp.size).and(headerLength.le(length))).orPass(reasons.malformedTransport);
    flags.set(tcp.flags.toU32());
  }).otherwise(() => {
    guard(protocol.eq(IPPROTO_UDP)).orPass(reasons.notTcpOrUdp);
    const udp = transport.fork().read(Udp).orPass(reasons.truncated);
    const udpLength = udp.length.toHost();
    guard(udpLength.ge(Udp.size).and(udpLength.le(length))).orPass(reasons.malformedTransport);
  });
  return flags.get();
}
