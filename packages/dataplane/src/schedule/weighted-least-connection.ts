// wlc: the least connections for the weight. An active connection costs as much as 256 inactive ones.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_wlc.c.

import { type Int, u32, u64, when } from "@yardmaster/ebpf";
import type { BalancerShape } from "../shape.ts";
import { NO_DESTINATION, type Scheduler, type Scheduling } from "./scheduler.ts";

/** `active × cost + inactive`, from the word that holds both; the cost is the shape's, 256 or 257. */
export function connectionCost(shape: BalancerShape, connections: Int<"u64">): Int<"u64"> {
  return connections.shr(32).mul(shape.activeCost).add(connections.and(0xffff_ffffn));
}

/** Weighted least connection: ties go to the earlier in the list. */
export const weightedLeastConnection: Scheduler = {
  name: "wlc",
  code: 3,
  choose({ members, shape }: Scheduling): Int<"u32"> {
    const state = { leastCost: u64, weightOfLeast: u64, chosen: u32 };
    const start = { leastCost: 0n, weightOfLeast: 0n, chosen: NO_DESTINATION };
    const end = members.walk("walk_wlc", members.count, state, start, (walk) => {
      const { weight, destination } = walk.at(walk.round);
      when(weight.eq(0), () => walk.next());
      const load = walk.load(destination);
      when(walk.isOverloaded(load), () => walk.next());
      const cost = connectionCost(shape, load.connections);
      const { leastCost, weightOfLeast, chosen } = walk.state;
      // cost / weight < least / its weight, without dividing; the first candidate has no rival.
      when(chosen.eq(NO_DESTINATION).or(cost.mul(weightOfLeast).lt(leastCost.mul(weight))), () => {
        walk.state.chosen = destination;
        walk.state.leastCost = cost;
        walk.state.weightOfLeast = weight.toU64();
      });
    });
    return end.chosen;
  },
};
