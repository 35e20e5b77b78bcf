// dh: the address that the client wrote to decides. Of use where a service has many addresses, as before caches.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_dh.c.

import { BUCKETS, stagedBucketOf } from "./buckets.ts";
import { type ListedMember, NO_DESTINATION, type Scheduler } from "./scheduler.ts";
import { usableAt } from "./slots.ts";

/** One bucket for each member in turn until all are taken; weights make no difference. */
export function destinationHashTable(members: readonly Pick<ListedMember, "destination">[]): Uint32Array {
  return Uint32Array.from({ length: BUCKETS }, (_, bucket) => {
    return members[bucket % members.length]?.destination ?? NO_DESTINATION;
  });
}

/** Destination hashing. */
export const destinationHash: Scheduler = {
  name: "dh",
  code: 7,
  table: destinationHashTable,
  choose: (scheduling) => usableAt(scheduling, stagedBucketOf(scheduling.question.destinationFold)),
};
