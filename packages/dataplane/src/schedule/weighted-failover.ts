// fo: the heaviest destination gets everything while it can.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_fo.c.

import { heaviest } from "./heaviest.ts";
import type { Scheduler } from "./scheduler.ts";

/** Weighted failover: the others stand by. */
export const weightedFailover: Scheduler = {
  name: "fo",
  code: 9,
  choose: (scheduling) => heaviest(scheduling, { walkName: "walk_fo" }),
};
