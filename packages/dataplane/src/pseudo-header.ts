// What checksums of transport headers cover besides the packet itself (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1).

import { be16, be32, type ChecksumChange, checksumChange, type ChecksumUpdate, type Int } from "@yardmaster/ebpf";
import { type Address, wordsOf } from "./address.ts";
import { OWN_HOPS } from "./headers.ts";

/** The sum of the pseudo header: both addresses, the protocol's number and the length of its packet in bytes. */
export function pseudoHeader(
  { source, destination }: { readonly source: Address; readonly destination: Address },
  protocol: Int<"u32">,
  length: Int<"u32">,
): ChecksumUpdate {
  const start = checksumChange().replace(be32(0), protocol.toNet()).replace(be32(0), length.toNet());
  return [source, destination].flatMap(wordsOf).reduce((sum, word) => sum.replace(be32(0), word), start);
}

/**
 * What an IPv6 packet that the director has written sums up to with its header, its checksum right: what the header has
 * and the pseudo header has not, since the rest is in both, which is the version, the hop limit and the protocol's
 * place.
 */
export function ownIpv6Sum(protocol: number, hops: number = OWN_HOPS): ChecksumChange {
  return checksumChange().replace(be16(protocol), be16(0x6000 + ((protocol << 8) | hops)));
}
