// sed: the least active connections for the weight, counted with the one that is to come.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_sed.c.

import type { Int } from "@yardmaster/ebpf";
import type { BalancerShape } from "../shape.ts";
import { activeOf, leastCost } from "./least-cost.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a new connection would wait for. A factor of 256 would change no comparison. */
export function expectedDelay(_shape: BalancerShape, connections: Int<"u64">): Int<"u64"> {
  return activeOf(connections).add(1);
}

/** Shortest expected delay: of idle destinations the first with the largest weight. */
export const shortestExpectedDelay: Scheduler = {
  name: "sed",
  code: 5,
  choose: (scheduling) => leastCost(scheduling, { walkName: "walk_sed", cost: expectedDelay }),
};
