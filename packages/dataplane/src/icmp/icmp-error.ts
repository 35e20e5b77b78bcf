// An ICMP error on the road, as forwarding methods see it, and what the translating ones do to it: the error must
// speak of the packet as whoever gets it sent it.

import { checksum, type Reference } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import type { NewEnds } from "../forward/translate.ts";
import type { Icmp } from "../headers.ts";
import type { End } from "../network-header.ts";
import type { Parsed } from "../parse.ts";
import type { QuotedHeader } from "./quoted-header.ts";

/** An ICMP error about a packet of a connection. */
export interface IcmpError {
  /** The error's own packet; its `ports` and `protocol` are those of the packets that its receiver sends. */
  readonly parsed: Parsed;
  readonly icmp: Reference<typeof Icmp.fields>;
  readonly quoted: QuotedHeader;
}

/** What becomes of an error: its own addresses, and the ends of the packet that it quotes. Others stay. */
export interface NewErrorEnds {
  readonly own: Partial<Readonly<Record<End, Address>>>;
  readonly quoted: NewEnds;
}

/**
 * Replaces addresses of the error itself, and addresses and ports of the packet that it quotes, and updates the
 * header checksums and the error's. The checksum of the quoted TCP or UDP packet stays as it was, as IPVS leaves it
 * (ip_vs_nat_icmp in net/netfilter/ipvs/ip_vs_core.c): that packet is cut off as a rule, and nobody checks it.
 */
export function translateError({ parsed, icmp, quoted }: IcmpError, ends: NewErrorEnds): void {
  let sum = checksum(icmp.check);
  for (const end of ["source", "destination"] as const) {
    const address = ends.own[end];
    if (address !== undefined) {
      const change = parsed.network.replaceAddress(end, address);
      // ICMPv6's checksum covers the addresses that the error itself has, ICMP's does not (RFC 4443 §2.3).
      if (parsed.network.family.name === "ipv6") sum = sum.plus(change);
    }
    const becomes = ends.quoted[end];
    if (becomes === undefined) continue;
    sum = sum.plus(quoted.replaceAddress(end, becomes.address)).replace(quoted.ports[end], becomes.port);
    quoted.ports[end] = becomes.port;
  }
  icmp.check = sum.fold();
}
