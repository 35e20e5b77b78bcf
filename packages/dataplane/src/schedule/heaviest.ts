// The walk that fo and ovf share: the destination with the largest weight.

import { type Bool, type Int, u32, when } from "@yardmaster/ebpf";
import { NO_DESTINATION } from "./scheduler.ts";
import type { LoadReference, Scheduling } from "./scheduling.ts";

/** What makes one of them differ from the other. */
export interface WeightRule {
  /** Name of the walk's function; each scheduler's own. */
  readonly walkName: string;
  /** Whether a destination has room for one more connection. Default: always. */
  readonly admits?: (load: LoadReference, weight: Int<"u32">) => Bool;
}

/** The usable member with the largest weight, the first in the list of equals; NO_DESTINATION where there is none. */
export function heaviest({ members }: Scheduling, { walkName, admits }: WeightRule): Int<"u32"> {
  const state = { largest: u32, chosen: u32 };
  const end = members.walk(walkName, members.count, state, { largest: 0, chosen: NO_DESTINATION }, (walk) => {
    const { weight, destination } = walk.at(walk.round);
    when(weight.le(walk.state.largest), () => walk.next());
    when(
      walk.isOverloaded(() => walk.load(destination)),
      () => walk.next(),
    );
    if (admits !== undefined) when(admits(walk.load(destination), weight).not(), () => walk.next());
    walk.state.largest = weight;
    walk.state.chosen = destination;
  });
  return end.chosen;
}
