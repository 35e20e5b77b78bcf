// Address translation, shared by the methods that translate: one address and port of a packet change,
// and with them the checksums that cover them.

import { be16, checksum, type Net, type Reference, u32, variable, when } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import { IPPROTO_TCP, IPPROTO_UDP, type Ports, Tcp, Udp } from "../headers.ts";
import type { End } from "../network-header.ts";
import type { Parsed } from "../parse.ts";
import { pseudoHeader } from "../pseudo-header.ts";
import { reasons } from "../reasons.ts";
import { hasFeature } from "../shape.ts";

/**
 * Replaces the address and port of one end and updates the IPv4, TCP and UDP checksums (RFC 1624). A UDP checksum of 0
 * says "none" and stays (RFC 768), or becomes a whole one where the shape wants that of IPVS; one that becomes 0 is
 * written as 0xffff.
 */
export function translate(parsed: Parsed, end: End, address: Address, port: Net<"be16">): void {
  const ports: Reference<typeof Ports.fields> = parsed.ports;
  const change = parsed.network.replaceAddress(end, address).replace(ports[end], port);
  ports[end] = port;
  when(parsed.protocol.eq(IPPROTO_TCP), () => {
    const tcp = parsed.transport.fork().read(Tcp).orPass(reasons.truncated);
    tcp.check = checksum(tcp.check).plus(change).fold();
  }).otherwise(() => {
    const udp = parsed.transport.fork().read(Udp).orPass(reasons.truncated);
    when(udp.check.ne(0), () => writeCheck(udp, checksum(udp.check).plus(change).fold())).otherwise(() => {
      if (hasFeature(parsed.shape, "fullUdpChecksums")) sumWhole(parsed, udp);
    });
  });
}

type UdpReference = Reference<typeof Udp.fields>;

/** Longer datagrams than Ethernet carries stay without a checksum. */
const LONGEST_DATAGRAM = 2047;

/** Gives a datagram that has none a checksum, of what it is now. */
function sumWhole(parsed: Parsed, udp: UdpReference): void {
  const length = udp.length.toHost().toU32();
  const covered = pseudoHeader(parsed.network, u32(IPPROTO_UDP), length);
  const sum = parsed.transport.fork().checksum(length, { atMost: LONGEST_DATAGRAM });
  sum.then((bytes) => writeCheck(udp, bytes.plus(covered).fold()));
}

function writeCheck(udp: UdpReference, check: Net<"be16">): void {
  const written = variable(check);
  when(check.eq(0), () => written.set(be16(0xffff)));
  udp.check = written.get();
}
