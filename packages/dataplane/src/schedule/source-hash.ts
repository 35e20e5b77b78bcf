// sh: the client's address decides. A table of 256 buckets built ahead, one lookup per connection.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_sh.c.

import { type Int, u32, variable, when } from "@yardmaster/ebpf";
import { BUCKETS, stagedBucketOf } from "./buckets.ts";
import { type ListedMember, NO_DESTINATION, type Scheduler, schedulerOptions } from "./scheduler.ts";
import type { Scheduling } from "./scheduling.ts";
import { search, usableAt } from "./slots.ts";

/**
 * Each member takes max(weight, 1) buckets in turn until all are taken. Members of weight 0 keep one a
 * round, whose clients are refused: that is LVS's way of not moving the others.
 */
export function sourceHashTable(members: readonly Pick<ListedMember, "destination" | "weight">[]): Uint32Array {
  const table = new Uint32Array(BUCKETS).fill(NO_DESTINATION);
  if (members.length === 0) return table;
  for (let bucket = 0; bucket < BUCKETS; ) {
    for (const { destination, weight } of members) {
      const end = Math.min(bucket + Math.max(weight, 1), BUCKETS);
      table.fill(destination, bucket, end);
      bucket = end;
    }
  }
  return table;
}

/** Source hashing. With `sh-port` clients are told apart by port; with `sh-fallback` refused ones go elsewhere. */
export const sourceHash: Scheduler = {
  name: "sh",
  code: 2,
  options: ["sh-port", "sh-fallback"],
  table: sourceHashTable,
  choose(scheduling: Scheduling): Int<"u32"> {
    const { service } = scheduling;
    const bucket = stagedBucketOf(clientKey(scheduling, schedulerOptions["sh-port"]));
    const chosen = variable(usableAt(scheduling, bucket));
    const fallsBack = service.options.and(schedulerOptions["sh-fallback"]).ne(0);
    when(chosen.get().eq(NO_DESTINATION).and(fallsBack), () => {
      const found = search(scheduling, {
        name: "walk_sh",
        times: u32(BUCKETS),
        fields: { from: u32 },
        // IPVS adds the hash to where it starts from, which is the hash.
        initial: { from: bucket.shl(1) },
        slotOf: ({ from }, round) => from.add(round).and(BUCKETS - 1),
      });
      chosen.set(found);
    });
    return chosen.get();
  },
};

/** What a client is known by: its folded address, and its port where the option with this bit is set. */
export function clientKey({ service, question }: Scheduling, portOption: number): Int<"u32"> {
  const key = variable(question.clientFold);
  when(service.options.and(portOption).ne(0), () => key.set(key.get().add(question.clientPort)));
  return key.get();
}
