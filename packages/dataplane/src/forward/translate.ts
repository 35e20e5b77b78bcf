// Address translation, shared by the methods that translate: one address and port of a packet change,
// and with them the checksums that cover them.

import { be16, checksum, checksumChange, type Net, type Reference, variable, when } from "@yardmaster/ebpf";
import { IPPROTO_TCP, type Ipv4, type Ports, Tcp, Udp } from "../headers.ts";
import type { Parsed } from "../parse.ts";
import { reasons } from "../reasons.ts";

/** Which end of the flow is rewritten. */
export type End = "source" | "destination";

/**
 * Replaces the address and port of one end and updates the IPv4 and TCP or UDP checksums (RFC 1624).
 * A UDP checksum of 0 says "none" and stays (RFC 768); one that becomes 0 is written as 0xffff.
 */
export function translate(parsed: Parsed, end: End, address: Net<"be32">, port: Net<"be16">): void {
  const ip: Reference<typeof Ipv4.fields> = parsed.ip;
  const ports: Reference<typeof Ports.fields> = parsed.ports;
  const ofAddress = checksumChange().replace(ip[end], address);
  const ofBoth = ofAddress.replace(ports[end], port);
  ip.check = checksum(ip.check).plus(ofAddress).fold();
  when(parsed.protocol.eq(IPPROTO_TCP), () => {
    const tcp = parsed.transport.fork().read(Tcp).orPass(reasons.truncated);
    tcp.check = checksum(tcp.check).plus(ofBoth).fold();
  }).otherwise(() => {
    const udp = parsed.transport.fork().read(Udp).orPass(reasons.truncated);
    when(udp.check.ne(0), () => {
      const updated = variable(checksum(udp.check).plus(ofBoth).fold());
      when(updated.get().eq(0), () => updated.set(be16(0xffff)));
      udp.check = updated.get();
    });
  });
  ip[end] = address;
  ports[end] = port;
}
