// First station of the packet's road: finds the headers, and lets everything pass that is not a whole, well-formed TCP
// or UDP packet for this machine. Nothing is changed here.

import {
  type Bool,
  type Cursor,
  guard,
  type Int,
  type Net,
  type Packet,
  type Reference,
  u32,
  type Variable,
  variable,
  when,
} from "@yardmaster/ebpf";
import {
  ETH_P_8021AD,
  ETH_P_8021Q,
  Ethernet,
  Icmp,
  IPPROTO_TCP,
  IPPROTO_UDP,
  Ports,
  Tcp,
  Udp,
  VlanTag,
} from "./headers.ts";
import type { NetworkHeader } from "./network-header.ts";
import { reasons } from "./reasons.ts";
import type { BalancerShape } from "./shape.ts";

/** All bits of the largest number of bytes before the network header: 22, with two tags. */
const MOST_BEFORE_NETWORK = 0x1f;

/** A frame for this machine, up to where its network header begins. */
export interface Frame {
  readonly shape: BalancerShape;
  readonly packet: Packet;
  readonly ethernet: Reference<typeof Ethernet.fields>;
  readonly type: Net<"be16">;
  /** Where the network header begins: 14, 18 or 22. */
  readonly networkOffset: Int<"u32">;
}

/** A packet that the director may have to forward. */
export interface Parsed extends Frame {
  readonly network: NetworkHeader;
  readonly ports: Reference<typeof Ports.fields>;
  /** At the TCP or UDP header. */
  readonly transport: Cursor;
  readonly protocol: Int<"u8">;
  /** TCP's flags; 0 for UDP. */
  readonly flags: Int<"u32">;
  /** Of a fragment that is not the first: there is no header at \`transport\`, and \`ports\` are not in the packet. */
  readonly isLaterFragment?: true;
}

/**
 * What the road reads at most: two tags, an IPv4 header with all options, and of an ICMP error as much again with the
 * ports. The program makes it readable at its start, once: what a function makes readable is stale to its caller.
 */
export const READ_AHEAD = Ethernet.size + 2 * VlanTag.size + 60 + Icmp.size + 60 + Ports.size;

/** Reads the link-layer header; frames that are not for this machine leave here. */
export function parseFrame(packet: Packet, shape: BalancerShape): Frame {
  const ethernet = packet.cursorAt(0).read(Ethernet).orPass(reasons.truncated);
  guard(packet.isForHost() ?? isForOneOf(ethernet, shape.macs)).orPass(reasons.notForThisHost);
  const { type, offset } = skipTags(packet, ethernet.type);
  // Taken from where it points to: the verifier would keep packets apart by their tags, all the way to their ends.
  const networkOffset = packet.offsetOf(packet.cursorAt(offset.get())).and(MOST_BEFORE_NETWORK);
  return { shape, packet, ethernet, type: type.get(), networkOffset };
}

/** Reads the transport header behind `network`. What is malformed leaves; so does `other`, which gets all else. */
export function parseTransport(frame: Frame, network: NetworkHeader, other: () => void): Parsed {
  const { protocol, payload } = network;
  const transport = payload;
  const ports = transport.fork().read(Ports).orPass(reasons.truncated);
  const flags = transportFlags(network, other);
  return { ...frame, network, ports, transport, protocol, flags };
}

function isForOneOf(ethernet: Reference<typeof Ethernet.fields>, macs: readonly Uint8Array[]): Bool {
  const high = ethernet.destinationHigh;
  const low = ethernet.destinationLow;
  const matches = macs.map((mac) => {
    const view = new DataView(mac.buffer, mac.byteOffset, mac.byteLength);
    return high.eq(view.getUint32(0)).and(low.eq(view.getUint16(4)));
  });
  return matches.reduce((any, one) => any.or(one));
}

/** Up to two VLAN tags may stand between the MAC addresses and what the frame carries, the outer one beside it (tc). */
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
        const carried = packet.carriedTag();
        if (carried !== undefined) guard(carried.isPresent.not()).orPass(reasons.tooManyTags);
        guard(isTag(inner.type).not()).orPass(reasons.tooManyTags);
        type.set(inner.type);
        offset.set(u32(Ethernet.size + 2 * VlanTag.size));
      });
    },
    { isRare: true },
  );
  return { type, offset };
}

/** Whether a frame of this type carries a VLAN tag. */
export function isTag(type: Net<"be16">): Bool {
  return type.eq(ETH_P_8021Q).or(type.eq(ETH_P_8021AD));
}

/** Checks the transport header and gives TCP's flags. */
function transportFlags(network: NetworkHeader, other: () => void): Int<"u32"> {
  const { protocol, payload: transport, payloadLength: length } = network;
  const flags = variable(u32(0));
  when(protocol.eq(IPPROTO_TCP), () => {
    const tcp = transport.fork().read(Tcp).orPass(reasons.truncated);
    const headerLength = tcp.dataOffset.shr(4).shl(2);
    guard(headerLength.ge(Tcp.size).and(headerLength.le(length))).orPass(reasons.malformedTransport);
    flags.set(tcp.flags.toU32());
  }).otherwise(() => {
    when(protocol.ne(IPPROTO_UDP), other, { isRare: true });
    const udp = transport.fork().read(Udp).orPass(reasons.truncated);
    const udpLength = udp.length.toHost();
    guard(udpLength.ge(Udp.size)).orPass(reasons.malformedTransport);
    // A first fragment tells the length of all.
    const isCutOff = udpLength.gt(length);
    when(isCutOff, () => guard(network.isFragment).orPass(reasons.malformedTransport), { isRare: true });
  });
  return flags.get();
}

/**
 * Bytes of the packet as a wire carries it, without the link layer: what an MTU is about. Under tc a packet may be many
 * segments of one TCP connection, whose headers each of them has; `network.length` is then of all together.
 */
export function lengthOnWire({ packet, network, transport, protocol }: Parsed): Int<"u32"> {
  const segment = packet.segmentPayload();
  if (segment === undefined) return network.length;
  const length = variable(network.length);
  when(segment.ne(0), () => {
    const headers = variable(network.length.sub(network.payloadLength).add(Udp.size));
    when(protocol.eq(IPPROTO_TCP), () => {
      const tcp = transport.fork().read(Tcp).orPass(reasons.truncated);
      headers.set(network.length.sub(network.payloadLength).add(tcp.dataOffset.shr(4).shl(2)));
    });
    length.set(headers.get().add(segment));
  });
  return length.get();
}
