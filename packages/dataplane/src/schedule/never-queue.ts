// nq: an idle destination at once, however slow; while none is idle, as sed.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_nq.c.

import { leastCost } from "./least-cost.ts";
import type { Scheduler } from "./scheduler.ts";
import { expectedDelay } from "./shortest-expected-delay.ts";

/** Never queue. Only active connections count, so that for UDP the first usable destination is always idle. */
export const neverQueue: Scheduler = {
  name: "nq",
  code: 6,
  choose: (scheduling) => leastCost(scheduling, { walkName: "walk_nq", cost: expectedDelay, idle: "first" }),
};
