// The program that ends connections. The daemon hands it the keys of entries that look expired, in a
// map; it checks each again, deletes it and takes the counts down in one go.

import { loop, type ProgramDefinition, stack, struct, u32, verdict, viewAs, xdp } from "@yardmaster/ebpf";
import { currentTick } from "./clock.ts";
import { connectionFunctions } from "./connection.ts";
import { type BalancerMaps, ReaperKeys, ReaperWork } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";

/** Run it on any packet: it does not look at it. Returns how many connections it ended. */
export function reaper(maps: BalancerMaps, shape: BalancerShape): ProgramDefinition {
  const { discard } = connectionFunctions(maps, shape);
  return xdp("reaper", () => {
    const state = stack(Progress, { now: currentTick(maps, shape), removed: 0 });
    loop("reap", maps.reaperWork.value.count, Progress, state, (index, progress) => {
      const work = maps.reaperWork.value;
      const flow = viewAs(work.keys, ReaperWork.fields.keys, ReaperKeys).masked(index);
      const removed = discard({ flow, now: progress.now, force: work.force });
      progress.removed = progress.removed.add(removed);
    });
    return verdict(state.removed);
  });
}

const Progress = struct("reaper_progress", { now: u32, removed: u32 });
