// Address translation, shared by the methods that translate: one address and port of a packet change,
// and with them the checksums that cover them.

import { be16, checksum, type Net, type Reference, variable, when } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import { IPPROTO_TCP, type Ports, Tcp, Udp } from "../headers.ts";
import type { End } from "../network-header.ts";
import type { Parsed } from "../parse.ts";
import { reasons } from "../reasons.ts";

/**
 * Replaces the address and port of one end and updates the IPv4, TCP and UDP checksums (RFC 1624). A UDP checksum of 0
 * says "none" and stays (RFC 768); one that becomes 0 is written as 0xffff.
 */
export function translate(parsed: Parsed, end: End, address: Address, port: Net<"be16">): void {
  const ports: Reference<typeof Ports.fields> = parsed.ports;
  const change = parsed.network.replaceAddress(end, address).replace(ports[end], port);
  when(parsed.protocol.eq(IPPROTO_TCP), () => {
    const tcp = parsed.transport.fork().read(Tcp).orPass(reasons.truncated);
    tcp.check = checksum(tcp.check).plus(change).fold();
  }).otherwise(() => {
    const udp = parsed.transport.fork().read(Udp).orPass(reasons.truncated);
    when(udp.check.ne(0), () => {
      const updated = variable(checksum(udp.check).plus(change).fold());
      when(updated.get().eq(0), () => updated.set(be16(0xffff)));
      udp.check = updated.get();
    });
  });
  ports[end] = port;
}
