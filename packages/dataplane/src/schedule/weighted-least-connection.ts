// wlc: the least connections for the weight. An active connection costs as much as 256 inactive ones.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_wlc.c.

import { connectionCost, leastCost } from "./least-cost.ts";
import type { Scheduler } from "./scheduler.ts";

/** Weighted least connection: ties go to the earlier in the list. */
export const weightedLeastConnection: Scheduler = {
  name: "wlc",
  code: 3,
  choose: (scheduling) => leastCost(scheduling, { walkName: "walk_wlc", cost: connectionCost }),
};
