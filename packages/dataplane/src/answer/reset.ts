// A reset in the place of the TCP packet that it answers (RFC 9293 §3.10.7.1): headers only, from where the packet was
// going to where it came from.

import {
  be16,
  be32,
  bytes,
  checksumDifference,
  guard,
  type Reference,
  stack,
  struct,
  u32,
  u8,
  variable,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import { IPPROTO_TCP, Ipv4, Ipv6, OWN_HOPS, Tcp, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../headers.ts";
import type { Parsed } from "../parse.ts";
import { ownIpv6Sum, pseudoHeader } from "../pseudo-header.ts";
import { reasons } from "../reasons.ts";
import { type PendingSum, unfinished } from "./pending-sum.ts";
import { returnLinkLayer } from "./link-layer.ts";

const DO_NOT_FRAGMENT = 0x4000;

const Ipv4Reset = struct("ipv4_reset", { ip: Ipv4, tcp: Tcp });
const Ipv6Reset = struct("ipv6_reset", { ip: Ipv6, tcp: Tcp });
/** Where they go: a field of a header in the packet, so that it can be assigned whole. */
const Ipv4Slot = struct("ipv4_reset_at", { reset: Ipv4Reset });
const Ipv6Slot = struct("ipv6_reset_at", { reset: Ipv6Reset });

/** Turns a TCP packet into the reset that answers it. */
export function makeReset(parsed: Parsed, pending?: PendingSum): void {
  if (parsed.network.family.name === "ipv4") {
    const reset = ipv4Reset(parsed, pending);
    atNetworkHeader(parsed, Ipv4Reset.size).read(Ipv4Slot).orDrop(reasons.internal).reset = reset;
    // The header sums up to nothing, the segment to the opposite of what its checksum covers besides.
    const covered = pseudoHeader(reset.ip, u32(IPPROTO_TCP), u32(Tcp.size));
    parsed.packet.declareSum({ sum: covered.fold().raw().toU64() });
  } else {
    const reset = ipv6Reset(parsed, pending);
    atNetworkHeader(parsed, Ipv6Reset.size).read(Ipv6Slot).orDrop(reasons.internal).reset = reset;
    parsed.packet.declareSum(ownIpv6Sum(IPPROTO_TCP));
  }
}

/** Makes the packet as long as its link layer and `size` bytes; a cursor to those. */
function atNetworkHeader({ packet, networkOffset }: Parsed, size: number) {
  const tail = networkOffset.add(size).sub(packet.length());
  guard(packet.adjustTail(tail).eq(0)).orDrop(reasons.internal);
  returnLinkLayer(packet, networkOffset, 0);
  return packet.cursorAt(networkOffset);
}

function ipv4Reset(parsed: Parsed, pending: PendingSum | undefined): Reference<typeof Ipv4Reset.fields> {
  // In the bytes of the packet's flow, which nobody asks for behind this point.
  const reset = stack(Ipv4Reset, undefined, { share: "flow" });
  const { ip } = reset;
  ip.versionAndLength = u8(0x45);
  ip.typeOfService = u8(0);
  ip.totalLength = be16(Ipv4Reset.size);
  ip.identification = be16(0);
  ip.fragment = be16(DO_NOT_FRAGMENT);
  ip.timeToLive = u8(OWN_HOPS);
  ip.protocol = u8(IPPROTO_TCP);
  ip.check = be16(0);
  ip.source = parsed.network.destination;
  ip.destination = parsed.network.source;
  ip.check = checksumDifference({ to: viewAs(ip, Ipv4, bytes(Ipv4.size)) }).fold();
  writeTcp(parsed, reset.tcp, ip, pending);
  return reset;
}

function ipv6Reset(parsed: Parsed, pending: PendingSum | undefined): Reference<typeof Ipv6Reset.fields> {
  const reset = stack(Ipv6Reset, undefined, { share: "flow" });
  const { ip } = reset;
  ip.versionClassAndFlow = be32(0x6000_0000);
  ip.payloadLength = be16(Tcp.size);
  ip.nextHeader = u8(IPPROTO_TCP);
  ip.hopLimit = u8(OWN_HOPS);
  ip.source = parsed.network.destination;
  ip.destination = parsed.network.source;
  writeTcp(parsed, reset.tcp, ip, pending);
  return reset;
}

/** A packet with ACK says which sequence number the reset must have; any other is acknowledged whole. */
function writeTcp(
  { transport, network }: Parsed,
  tcp: Reference<typeof Tcp.fields>,
  ip: Parameters<typeof pseudoHeader>[0],
  pending: PendingSum | undefined,
): void {
  const asked = transport.fork().read(Tcp).orDrop(reasons.internal);
  const flags = asked.flags.toU32();
  const dataLength = network.payloadLength.sub(asked.dataOffset.shr(4).shl(2));
  const counted = dataLength.add(flags.and(TCP_SYN).shr(1)).add(flags.and(TCP_FIN));
  const sequence = variable(be32(0));
  const acknowledgement = variable(asked.sequence.toHost().add(counted).toNet());
  const answer = variable(u32(TCP_RST | TCP_ACK));
  when(flags.and(TCP_ACK).ne(0), () => {
    sequence.set(asked.acknowledgement);
    acknowledgement.set(be32(0));
    answer.set(u32(TCP_RST));
  });
  tcp.source = asked.destination;
  tcp.destination = asked.source;
  tcp.sequence = sequence.get();
  tcp.acknowledgement = acknowledgement.get();
  tcp.dataOffset = u8((Tcp.size / 4) << 4);
  tcp.flags = answer.get().toU8();
  tcp.window = be16(0);
  tcp.check = be16(0);
  tcp.urgent = be16(0);
  const covered = pseudoHeader(ip, u32(IPPROTO_TCP), u32(Tcp.size));
  const check = variable(
    checksumDifference({ to: viewAs(tcp, Tcp, bytes(Tcp.size)) })
      .plus(covered)
      .fold(),
  );
  // It is computed where that of the packet was to be, which is the same place (it is refused where there are options).
  if (pending !== undefined) when(pending.isPending.ne(0), () => check.set(unfinished(covered.fold())));
  tcp.check = check.get();
}
