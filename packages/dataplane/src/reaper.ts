// The program that ends connections and templates. The daemon hands it the keys of entries that look expired, in a
// map; it checks each again, deletes it and takes the counts down in one go. What else only a program can do to counts
// that other programs move is its work, too.

import {
  leave,
  type Int,
  loop,
  type ProgramDefinition,
  stack,
  struct,
  u32,
  verdict,
  viewAs,
  when,
  xdp,
  drop,
} from "@yardmaster/ebpf";
import { currentTick } from "./clock.ts";
import { connectionFunctions } from "./connection.ts";
import { families, type Family } from "./family.ts";
import { reasons } from "./reasons.ts";
import { loadCounters } from "./load.ts";
import { type BalancerMaps, reaperDestinations, reaperKeys, reaperTables, ReaperWork } from "./schema.ts";
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
      const work = maps.reaperWork.value;
      return discard({ flow: viewAs(work.keys, bytes, keys.connections).masked(index), now, force: work.force });
    },
  };
  if (!hasFeature(shape, "persistence")) return [connections];
  return [
    connections,
    {
      family,
      table: "templates",
      reap(index, now) {
        const work = maps.reaperWork.value;
        const key = viewAs(work.keys, bytes, keys.templates).masked(index);
        return templates.discard({ key, now, force: work.force });
      },
    },
  ];
}

const Progress = struct("reaper_progress", { now: u32, removed: u32 });
