// lblc: each address that clients write to keeps its destination, for caches that hold what is asked for there.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_lblc.c.

import { type Int, stack, u32, variable, when } from "@yardmaster/ebpf";
import { destinationFlags, Locality, NO_SET } from "../schema.ts";
import { connectionCost, leastCost } from "./least-cost.ts";
import { isCrowded } from "./locality.ts";
import { NO_DESTINATION, type Scheduler } from "./scheduler.ts";
import type { Scheduling } from "./scheduling.ts";

/** Locality-based least connection. */
export const localityBased: Scheduler = {
  name: "lblc",
  code: 12,
  choose(scheduling: Scheduling): Int<"u32"> {
    const { maps, question, destination } = scheduling;
    const chosen = variable(u32(NO_DESTINATION));
    maps.localities.lookup(question.locality).then((known) => {
      known.usedAt = question.now;
      const remembered = known.destination;
      // It may be lblcr that remembers: the service's scheduler was another until now.
      when(remembered.ne(NO_DESTINATION), () => {
        const { flags, weight } = destination(remembered);
        // Its threshold does not count: what it has in its cache is worth more.
        when(flags.and(destinationFlags.removed).eq(0).and(weight.ne(0)), () => {
          const crowded = isCrowded(scheduling, "crowd_lblc", remembered);
          when(crowded.eq(0), () => chosen.set(remembered));
        });
      });
    });
    when(chosen.get().eq(NO_DESTINATION), () => {
      chosen.set(leastCost(scheduling, { walkName: "walk_lblc", cost: connectionCost }));
      when(chosen.get().ne(NO_DESTINATION), () => remember(scheduling, chosen.get()));
    });
    return chosen.get();
  },
};

/** Notes where an address goes. Where there is no room for it, it is asked again next time. */
function remember({ maps, question }: Scheduling, destination: Int<"u32">): void {
  maps.localities
    .lookup(question.locality)
    .then((known) => (known.destination = destination))
    .otherwise(() => {
      const { now, locality } = question;
      const content = { destination, usedAt: now, set: NO_SET, size: 0, changedAt: now, isChanging: 0 };
      maps.localities.update(locality, stack(Locality, content, { share: "walk" }), "create");
    });
}
