// How full the connection table is. The reaper sees its entries, but not all of them every second; what is counted of
// connections is exact at any moment.

import { Load } from "@yardmaster/dataplane";
import type { Dataplane } from "../kernel/dataplane.ts";
import { eachValue } from "../kernel/each-value.ts";
import type { Reaping } from "../reconcile/reaper.ts";

/** Entries by now: one for each connection, or as many as connections were seen to have. */
export function entriesNow({ maps: { loads }, live }: Dataplane, seen: Reaping["held"]): number {
  let connections = 0;
  const add = (_: number, view: DataView, at: number): void => {
    const word = at + Load.offsets.connections;
    connections += view.getUint32(word, true) + view.getUint32(word + 4, true);
  };
  eachValue(loads, add, { end: live.destinationEnd });
  if (seen.connections === 0) return seen.entries + connections;
  return Math.round((connections * seen.entries) / seen.connections);
}
