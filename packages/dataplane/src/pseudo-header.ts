// What checksums of transport headers cover besides the packet itself (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1).

import { be32, checksumChange, type ChecksumUpdate, type Int } from "@yardmaster/ebpf";
import { type Address, wordsOf } from "./address.ts";

/** The sum of the pseudo header: both addresses, the protocol's number and the length of its packet in bytes. */
export function pseudoHeader(
  { source, destination }: { readonly source: Address; readonly destination: Address },
  protocol: Int<"u32">,
  length: Int<"u32">,
): ChecksumUpdate {
  const start = checksumChange().replace(be32(0), protocol.toNet()).replace(be32(0), length.toNet());
  return [source, destination].flatMap(wordsOf).reduce((sum, word) => sum.replace(be32(0), word), start);
}
