// rr: the next usable destination after the one chosen last.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_rr.c.

import { type Int, u32, variable, when } from "@yardmaster/ebpf";
import { movePosition } from "./position.ts";
import { type ListChange, NO_DESTINATION, type Scheduler } from "./scheduler.ts";
import type { Scheduling } from "./scheduling.ts";

/**
 * Round robin. The position is one more than the index of the member chosen last, so that a fresh
 * service begins with the first. Weights above 0 make no difference.
 */
export const roundRobin: Scheduler = {
  name: "rr",
  code: 0,
  moved,
  choose({ maps, members, service }: Scheduling): Int<"u32"> {
    const before = service.position;
    const state = { count: u32, index: u32, chosen: u32 };
    const start = { count: members.count, index: before.toU32(), chosen: NO_DESTINATION };
    const end = members.walk("walk_rr", members.count, state, start, (walk) => {
      const index = variable(walk.state.index);
      when(index.get().ge(walk.state.count), () => index.set(u32(0)));
      walk.state.index = index.get().add(1);
      const member = walk.at(index.get());
      when(walk.takes(member), () => {
        walk.state.chosen = member.destination;
        walk.stop();
      });
    });
    const chosen = end.chosen;
    when(chosen.ne(NO_DESTINATION), () => {
      movePosition(maps, service, before, end.index.toU64());
    });
    return chosen;
  },
};

/** The member chosen last keeps its turn wherever it stands now; where it has gone, the one before it has it. */
function moved(position: bigint, { before, after }: ListChange): bigint {
  const passed = before.slice(0, Number(position)).map(({ destination }) => destination);
  const last = passed.findLast((one) => after.some(({ destination }) => destination === one));
  return BigInt(after.findIndex(({ destination }) => destination === last) + 1);
}
