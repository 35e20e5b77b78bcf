// The walk that all least-connection schedulers share: the destination that costs least for its weight.

import { type Int, type Reference, u32, u64, when } from "@yardmaster/ebpf";
import type { BalancerShape } from "../shape.ts";
import { NO_DESTINATION } from "./scheduler.ts";
import type { Scheduling } from "./scheduling.ts";

/** What makes one least-connection scheduler differ from another. */
export interface CostRule {
  /** Name of the walk's function; each scheduler's own. */
  readonly walkName: string;
  /** What a destination with these connections costs. */
  readonly cost: (shape: BalancerShape, connections: Int<"u64">) => Int<"u64">;
  /** `any`: the size of a weight makes no difference. Default: costs are compared for the weight. */
  readonly weights?: "any";
  /** `first`: a destination without active connections is taken at once. */
  readonly idle?: "first";
}

/** Active connections, from the word that holds both kinds. */
export function activeOf(connections: Int<"u64">): Int<"u64"> {
  return connections.shr(32);
}

/** `active × cost + inactive`; the cost is the shape's, 256 or 257. */
export function connectionCost(shape: BalancerShape, connections: Int<"u64">): Int<"u64"> {
  return activeOf(connections).mul(shape.activeCost).add(connections.and(0xffff_ffffn));
}

/** The least so far, in the state of a walk. */
export const leastFields = { leastCost: u64, weightOfLeast: u64, chosen: u32 };
/** Any cost for a weight above 0 is less than 1 for 0. */
export const nothingYet = { leastCost: 1n, weightOfLeast: 0n, chosen: NO_DESTINATION };

interface Candidate {
  readonly destination: Int<"u32">;
  readonly cost: Int<"u64">;
  /** Above 0. */
  readonly weight: Int<"u64">;
}

/** Keeps a candidate whose cost for the weight is less than the least so far: of equals the first stays. */
export function keepLess(state: Reference<typeof leastFields>, { destination, cost, weight }: Candidate): void {
  // cost / weight < least / its weight, without dividing.
  when(cost.mul(state.weightOfLeast).lt(state.leastCost.mul(weight)), () => {
    state.chosen = destination;
    state.leastCost = cost;
    state.weightOfLeast = weight;
  });
}

/** The usable member with the least cost, the first in the list of equals; NO_DESTINATION where there is none. */
export function leastCost({ members, shape }: Scheduling, rule: CostRule): Int<"u32"> {
  const end = members.walk(rule.walkName, members.count, leastFields, nothingYet, (walk) => {
    const { weight, destination } = walk.at(walk.round);
    when(weight.eq(0), () => walk.next());
    const load = walk.load(destination);
    when(
      walk.isOverloaded(() => load),
      () => walk.next(),
    );
    const { connections } = load;
    if (rule.idle === "first") {
      when(activeOf(connections).eq(0), () => {
        walk.state.chosen = destination;
        walk.stop();
      });
    }
    const share = rule.weights === "any" ? u64(1) : weight.toU64();
    keepLess(walk.state, { destination, cost: rule.cost(shape, connections), weight: share });
  });
  return end.chosen;
}
