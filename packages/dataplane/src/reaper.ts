// The program that ends connections and templates. The daemon hands it the keys of entries that look expired, in a
// map; it checks each again, deletes it and takes the counts down in one go. What else only a program can do to counts
// that other programs move is its work, too.

import {
  type Bool,
  leave,
  type Int,
  loop,
  type ProgramDefinition,
  stack,
  struct,
  u32,
  variable,
  verdict,
  viewAs,
  when,
  xdp,
  drop,
} from "@yardmaster/ebpf";
import { currentTick } from "./clock.ts";
import { connectionFunctions } from "./connection.ts";
import { families, type Family } from "./family.ts";
import { controlledOf } from "./life.ts";
import { reasons } from "./reasons.ts";
import { loadCounters } from "./load.ts";
import {
  type BalancerMaps,
  destinationFlags,
  reaperDestinations,
  reaperForces,
  reaperKeys,
  reaperTables,
  ReaperWork,
} from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";

/** Run it on any packet: it does not look at it. Returns how many entries it ended. */
export function reaper(maps: BalancerMaps, shape: BalancerShape): ProgramDefinition {
  const tables = shape.families.flatMap((name) => tablesOf(maps, shape, families[name]));
  return xdp("reaper", () => {
    const work = maps.reaperWork.value;
    for (const { family, table, reap } of tables) {
      when(work.family.eq(Number(family.digit)).and(work.table.eq(reaperTables[table])), () => {
        const state = stack(Progress, { now: currentTick(maps, shape), removed: 0 }, { share: "progress" });
        loop(`reap_${table.slice(0, 8)}${family.digit}`, work.count, Progress, state, (index, progress) => {
          progress.removed = progress.removed.add(reap(index, progress.now));
        });
        leave(verdict(state.removed));
      });
    }
    if (hasFeature(shape, "thresholds")) {
      const { reconsider } = loadCounters(maps, shape);
      const state = stack(Progress, { now: u32(0), removed: 0 }, { share: "progress" });
      when(work.table.eq(reaperTables.thresholds), () => {
        loop("thresholds", work.count, Progress, state, (index) => {
          const { keys } = maps.reaperWork.value;
          reconsider(viewAs(keys, ReaperWork.fields.keys, reaperDestinations).masked(index));
        });
        leave(verdict(u32(0)));
      });
    }
    return drop(reasons.internal);
  });
}

interface Table {
  readonly family: Family;
  readonly table: keyof typeof reaperTables;
  /** Ends the entry with the key at `index` of the work. */
  readonly reap: (index: Int<"u32">, now: Int<"u32">) => Int<"u32">;
}

function tablesOf(maps: BalancerMaps, shape: BalancerShape, family: Family): Table[] {
  const { discard, templates } = connectionFunctions(maps, shape, family);
  const keys = reaperKeys(family);
  const bytes = ReaperWork.fields.keys;
  const connections: Table = {
    family,
    table: "connections",
    reap(index, now) {
      const flow = viewAs(maps.reaperWork.value.keys, bytes, keys.connections).masked(index);
      const force = forceOf(maps, (endIf) => {
        maps[family.name].connections.lookup(flow).then(({ destination }) => endIf(isRemoved(maps, destination)));
      });
      return discard({ flow, now, force });
    },
  };
  if (!hasFeature(shape, "persistence")) return [connections];
  return [
    connections,
    {
      family,
      table: "templates",
      reap(index, now) {
        const key = viewAs(maps.reaperWork.value.keys, bytes, keys.templates).masked(index);
        const force = forceOf(maps, (endIf) => {
          maps[family.name].templates.lookup(key).then(({ destination, life }) => {
            endIf(isRemoved(maps, destination).and(controlledOf(life).eq(0)));
          });
        });
        return templates.discard({ key, now, force });
      },
    },
  ];
}

/** 1 where an entry is to end although its time is not up; `look` says so, where only removed destinations' are to. */
function forceOf(maps: BalancerMaps, look: (endIf: (condition: Bool) => void) => void): Int<"u32"> {
  const force = variable(maps.reaperWork.value.force);
  when(force.get().eq(reaperForces.ofRemoved), () => {
    force.set(u32(reaperForces.expired));
    look((condition) => when(condition, () => force.set(u32(reaperForces.all))));
  });
  return force.get();
}

/** Whether a destination was removed and has not come back. */
function isRemoved(maps: BalancerMaps, index: Int<"u32">): Bool {
  const removed = variable(u32(0));
  maps.destinations.lookup(index).then(({ flags }) => removed.set(flags.and(destinationFlags.removed)));
  return removed.get().ne(0);
}

const Progress = struct("reaper_progress", { now: u32, removed: u32 });
