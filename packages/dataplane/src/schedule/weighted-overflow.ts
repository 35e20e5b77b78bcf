// ovf: the heaviest destination until it has more active connections than its weight, then the next.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_ovf.c.

import { heaviest } from "./heaviest.ts";
import { activeOf } from "./least-cost.ts";
import type { Scheduler } from "./scheduler.ts";

/** Weighted overflow. A destination takes one connection more than its weight, as in IPVS; all full: none. */
export const weightedOverflow: Scheduler = {
  name: "ovf",
  code: 10,
  choose: (scheduling) =>
    heaviest(scheduling, {
      walkName: "walk_ovf",
      admits: (load, weight) => activeOf(load.connections).le(weight),
    }),
};
