// An ICMP error on the road, as forwarding methods see it, and what the translating ones do to it: the error must
// speak of the packet as whoever gets it sent it.

import { checksum, type Net, type Reference } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import type { Icmp } from "../headers.ts";
import type { End } from "../network-header.ts";
import type { Parsed } from "../parse.ts";
import type { QuotedHeader } from "./quoted-header.ts";

/** An ICMP error about a packet of a connection. */
export interface IcmpError {
  /** The error's own packet; its `ports` and `protocol` are those of the packet that it quotes. */
  readonly parsed: Parsed;
  readonly icmp: Reference<typeof Icmp.fields>;
  readonly quoted: QuotedHeader;
}

/**
 * Replaces one address of the error itself, and one address and port of the packet that it quotes, and updates the
 * header checksums and the error's. The checksum of the quoted TCP or UDP packet stays as it was, as IPVS leaves it
 * (ip_vs_nat_icmp in net/netfilter/ipvs/ip_vs_core.c): it is cut off as a rule, and nobody checks it.
 */
export function translateError(
  { parsed, icmp, quoted }: IcmpError,
  ends: { readonly own: End; readonly quoted: End },
  address: Address,
  port: Net<"be16">,
): void {
  const own = parsed.network.replaceAddress(ends.own, address);
  const inside = quoted.replaceAddress(ends.quoted, address).replace(quoted.ports[ends.quoted], port);
  quoted.ports[ends.quoted] = port;
  // ICMPv6's checksum covers the addresses that the error itself has, ICMP's does not (RFC 4443 §2.3).
  const change = parsed.network.family.name === "ipv6" ? inside.plus(own) : inside;
  icmp.check = checksum(icmp.check).plus(change).fold();
}
