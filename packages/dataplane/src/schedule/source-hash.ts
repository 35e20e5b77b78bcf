// sh: the client's address decides. A table of 256 buckets built ahead, one lookup per connection.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_sh.c.

import { choose, type Int, u32 } from "@yardmaster/ebpf";
import { type ListedMember, NO_DESTINATION, type Scheduler, type Scheduling } from "./scheduler.ts";

/** Buckets (IP_VS_SH_TAB_SIZE with the kernel's default of 8 bits). */
export const SOURCE_HASH_BUCKETS = 256;
/** GOLDEN_RATIO_32 (include/linux/hash.h). */
const GOLDEN_RATIO = 0x61c8_8647;

/**
 * Each member takes max(weight, 1) buckets in turn until all are taken. Members of weight 0 keep one a
 * round, whose clients are refused: that is LVS's way of not moving the others.
 */
export function sourceHashTable(members: readonly Pick<ListedMember, "destination" | "weight">[]): Uint32Array {
  const table = new Uint32Array(SOURCE_HASH_BUCKETS).fill(NO_DESTINATION);
  if (members.length === 0) return table;
  for (let bucket = 0; bucket < SOURCE_HASH_BUCKETS; ) {
    for (const { destination, weight } of members) {
      const end = Math.min(bucket + Math.max(weight, 1), SOURCE_HASH_BUCKETS);
      table.fill(weight === 0 ? NO_DESTINATION : destination, bucket, end);
      bucket = end;
    }
  }
  return table;
}

/** The bucket of a client, by its folded address. */
export function sourceHashBucket(address: number): number {
  return Math.imul(address, GOLDEN_RATIO) >>> 24;
}

/** Source hashing. */
export const sourceHash: Scheduler = {
  name: "sh",
  code: 2,
  table: sourceHashTable,
  choose({ flow, slot, isUsable }: Scheduling): Int<"u32"> {
    const found = slot(flow.clientFold.mul(GOLDEN_RATIO).shr(24));
    return choose(found.ne(NO_DESTINATION).and(isUsable(found)), found, u32(NO_DESTINATION));
  },
};
