// Address translation, shared by the methods that translate: address and port of one end of a packet's flow change, or
// of both, and with them the checksums that cover them.

import {
  be16,
  type ChecksumChange,
  checksumChange,
  type ChecksumUpdate,
  type Net,
  type Reference,
  u32,
  variable,
  when,
} from "@yardmaster/ebpf";
import { IPPROTO_TCP, IPPROTO_UDP, type Ports, Tcp, Udp } from "../headers.ts";
import type { End } from "../network-header.ts";
import type { Parsed } from "../parse.ts";
import { pseudoHeader } from "../pseudo-header.ts";
import { reasons } from "../reasons.ts";
import { hasFeature } from "../shape.ts";
import type { Endpoint } from "./ends.ts";

/** What the ends of a packet's flow become; an end that is not named stays. */
export type NewEnds = Partial<Readonly<Record<End, Endpoint>>>;

/**
 * Replaces the addresses and ports of these ends and updates the IPv4, TCP and UDP checksums (RFC 1624). A UDP checksum
 * of 0 says "none" and stays (RFC 768), or becomes a whole one where the shape wants that of IPVS; one that becomes 0
 * is written as 0xffff.
 */
export function translate(parsed: Parsed, ends: NewEnds): void {
  const ports: Reference<typeof Ports.fields> = parsed.ports;
  let addresses: ChecksumUpdate | undefined;
  let contents: ChecksumUpdate | undefined;
  for (const end of ["source", "destination"] as const) {
    const becomes = ends[end];
    if (becomes === undefined) continue;
    const { address, port } = becomes;
    const change = parsed.network.replaceAddress(end, address);
    addresses = addresses === undefined ? change : addresses.plus(change);
    contents = (contents ?? checksumChange()).replace(ports[end], port);
    ports[end] = port;
  }
  if (addresses === undefined || contents === undefined) return;
  // No checksum of IPv6's header balances them, which is what is taken for granted where the transport's follows.
  if (parsed.network.family.name === "ipv6") parsed.packet.accountFor(addresses);
  if (parsed.isLaterFragment === true) return;
  updateTransport(parsed, { addresses, contents });
}

/** Brings the TCP or UDP checksum up to date. */
export function updateTransport(
  parsed: Parsed,
  change: { readonly addresses: ChecksumChange; readonly contents: ChecksumUpdate },
): void {
  const { packet } = parsed;
  when(parsed.protocol.eq(IPPROTO_TCP), () => {
    const tcp = parsed.transport.fork().read(Tcp).orPass(reasons.truncated);
    packet.updateChecksum({ header: tcp, type: Tcp }, change);
  }).otherwise(() => {
    const udp = parsed.transport.fork().read(Udp).orPass(reasons.truncated);
    when(udp.check.ne(0), () => packet.updateChecksum({ header: udp, type: Udp, zeroIsNone: true }, change)).otherwise(
      () => {
        if (hasFeature(parsed.shape, "fullUdpChecksums")) sumWhole(parsed, udp);
        packet.accountFor(change.contents.replace(be16(0), udp.check));
      },
    );
  });
}

type UdpReference = Reference<typeof Udp.fields>;

/** Longer datagrams than Ethernet carries stay without a checksum. */
const LONGEST_DATAGRAM = 2047;

/** Gives a datagram that has none a checksum, of what it is now, unless it is too long for that. */
export function sumWhole(parsed: Parsed, udp: UdpReference): void {
  const length = udp.length.toHost().toU32();
  const covered = pseudoHeader(parsed.network, u32(IPPROTO_UDP), length);
  const sum = parsed.transport.fork().checksum(length, { atMost: LONGEST_DATAGRAM });
  // A first fragment has not all of it.
  when(length.le(parsed.network.payloadLength), () => {
    sum.then((bytes) => writeCheck(udp, bytes.plus(covered).fold()));
  });
}

function writeCheck(udp: UdpReference, check: Net<"be16">): void {
  const written = variable(check);
  when(check.eq(0), () => written.set(be16(0xffff)));
  udp.check = written.get();
}
