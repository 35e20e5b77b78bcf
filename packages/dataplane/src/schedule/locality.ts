// What lblc and lblcr share: when a destination has more than enough to do while another has little.

import { type Int, u32, variable, when } from "@yardmaster/ebpf";
import { activeOf } from "./least-cost.ts";
import type { Scheduling } from "./scheduling.ts";

/**
 * 1 where a destination has more active connections than its weight and some member less than half of its own.
 * Thresholds make no difference here. `walkName` is the caller's own.
 */
export function isCrowded(
  { members, destination, load }: Scheduling,
  walkName: string,
  candidate: Int<"u32">,
): Int<"u32"> {
  const crowded = variable(u32(0));
  when(activeOf(load(candidate).connections).gt(destination(candidate).weight), () => {
    const end = members.walk(walkName, members.count, { hasIdler: u32 }, { hasIdler: 0 }, (walk) => {
      const member = walk.at(walk.round);
      const active = activeOf(walk.load(member.destination).connections);
      when(active.shl(1).lt(member.weight), () => {
        walk.state.hasIdler = u32(1);
        walk.stop();
      });
    });
    crowded.set(end.hasIdler);
  });
  return crowded.get();
}
