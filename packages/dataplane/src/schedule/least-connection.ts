// lc: the least connections, whatever the weights above 0. An active connection costs as much as 256 inactive ones.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_lc.c.

import { connectionCost, leastCost } from "./least-cost.ts";
import type { Scheduler } from "./scheduler.ts";

/** Least connection: ties go to the earlier in the list. */
export const leastConnection: Scheduler = {
  name: "lc",
  code: 4,
  choose: (scheduling) => leastCost(scheduling, { walkName: "walk_lc", cost: connectionCost, weights: "any" }),
};
