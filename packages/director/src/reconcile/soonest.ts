// How long a part of a table can be left alone whatever is written there meanwhile: no packet gives an entry less time
// than the shortest timeout, so nothing that came or changed since it was read ends before that.

import { ACTIVE_STATES, Load, states, UNSEEN_SECONDS } from "@yardmaster/dataplane";
import type { Dataplane } from "../kernel/dataplane.ts";
import { eachValue } from "../kernel/each-value.ts";
import { ticksOf } from "../plan/settings.ts";

/** Nothing is left alone for longer. */
const MOST_SECONDS = 60;
/** Not states of connections that packets keep. */
const APART: readonly number[] = [states.NONE, states.CLAIMED];

/** Ticks that a connection has at least from a packet on; `active`: where its state then is one of those. */
export function soonestEnd({ live, ticksPerSecond }: Dataplane, which: "all" | "active"): number {
  const { timeoutsMs, scheduleIcmp, onRemoval } = live.settings;
  // Packets of connections that are to open anew end what they had at once.
  if (onRemoval === "reschedule") return 0;
  const kept = Object.values(states).filter((state) => !APART.includes(state));
  const counted = kept.filter((state) => which === "all" || (ACTIVE_STATES & (1 << state)) !== 0);
  const ticks = counted.map((state) => ticksOf(timeoutsMs[state] ?? 0, ticksPerSecond));
  const unseen = scheduleIcmp && which === "all" ? [UNSEEN_SECONDS * ticksPerSecond] : [];
  return Math.min(...ticks, ...unseen, MOST_SECONDS * ticksPerSecond);
}

/** Ticks that a template has at least from when it is made or used on, or moved to where no client finds it. */
export function soonestTemplateEnd(dataplane: Dataplane): number {
  const { live, ticksPerSecond } = dataplane;
  const ticks = live.services().flatMap(({ definition: { persistence } }) => {
    return persistence === undefined ? [] : [ticksOf(persistence.timeoutMs, ticksPerSecond)];
  });
  return Math.min(soonestEnd(dataplane, "all"), ...ticks);
}

/** Whether all connections are active: it is the inactive ones, whose end has begun, that have little time. */
export function areAllActive({ maps: { loads }, live }: Dataplane): boolean {
  let isInactive = false;
  const look = (_: number, view: DataView, at: number): void => {
    // The low half: see load.ts of the data plane.
    isInactive ||= view.getUint32(at + Load.offsets.connections, true) !== 0;
  };
  eachValue(loads, look, { end: live.destinationEnd });
  return !isInactive;
}
