// lblcr: each address that clients write to has a set of destinations, which grows while they are busy, and shrinks.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_lblcr.c.

import { type Int, u32, variable, when } from "@yardmaster/ebpf";
import { connectionCost, leastCost } from "./least-cost.ts";
import { createSet, growSet, leastOfSet, type LocalityReference, shrinkSet } from "./locality-sets.ts";
import { isCrowded } from "./locality.ts";
import { NO_DESTINATION, type Scheduler } from "./scheduler.ts";
import type { Scheduling } from "./scheduling.ts";

/** Locality-based least connection with replication. */
export const localityReplicated: Scheduler = {
  name: "lblcr",
  code: 13,
  choose(scheduling: Scheduling): Int<"u32"> {
    const { maps, question } = scheduling;
    const chosen = variable(u32(NO_DESTINATION));
    maps.localities.lookup(question.locality).then((known) => {
      known.usedAt = question.now;
      const least = leastOfSet(scheduling, known);
      // After the choice: it may be the one that goes.
      when(isStale(scheduling, known), () => shrinkSet(scheduling, known));
      when(least.ne(NO_DESTINATION), () => {
        const crowded = isCrowded(scheduling, "crowd_lblcr", least);
        when(crowded.eq(0), () => chosen.set(least));
      });
    });
    when(chosen.get().eq(NO_DESTINATION), () => {
      chosen.set(leastCost(scheduling, { walkName: "walk_lblcr", cost: connectionCost }));
      when(chosen.get().ne(NO_DESTINATION), () => remember(scheduling, chosen.get()));
    });
    return chosen.get();
  },
};

/** Whether a set of several has not changed for so long that one member is too many. */
function isStale({ maps, question }: Scheduling, { size, changedAt }: LocalityReference) {
  return size.gt(1).and(question.now.sub(changedAt).gt(maps.settings.value.localitySetTicks));
}

/** Adds a destination to the set of an address. Where there is no room for either, it is asked again next time. */
function remember(scheduling: Scheduling, destination: Int<"u32">): void {
  const { maps, question } = scheduling;
  maps.localities
    .lookup(question.locality)
    .then(() => undefined)
    .otherwise(() => createSet(scheduling));
  maps.localities.lookup(question.locality).then((known) => growSet(scheduling, known, destination));
}
