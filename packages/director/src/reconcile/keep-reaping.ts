// The reaper at work: walks over the connection table, in slices so that the event loop stays free.

import { Load } from "@yardmaster/dataplane";
import { expectWork } from "../engine.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { eachValue } from "../kernel/each-value.ts";
import { type ReaperRound, reap } from "./reaper.ts";
import { keepGoing, pause, type Rounds } from "./rounds.ts";

/** Milliseconds of work between two pauses, and the pause: at most a fifth of a core. */
const SLICE_MS = 10;
const PAUSE_MS = 40;
const ROUND_MS = 1000;
/** A table that is empty by all counts is walked nevertheless once in so many rounds. */
const ROUNDS_UNSEEN = 30;

/**
 * Walks the table about once a second until `signal` is aborted; `onRound` gets each result. A walk over a data plane
 * that is no longer the one that `current` gives is given up. While the table was empty and nobody counts anything,
 * which costs less to see than a table of a million places to walk, nothing is walked.
 */
export function keepReaping(
  current: () => Dataplane,
  now: () => number,
  { signal, report }: Pick<Rounds, "signal" | "report">,
  onRound: (round: ReaperRound) => void,
): Promise<void> {
  let seen: { readonly dataplane: Dataplane; readonly entries: number } | undefined;
  let unseen = 0;
  const round = async (): Promise<void> => {
    const dataplane = current();
    const wasEmpty = seen?.dataplane === dataplane && seen.entries === 0;
    if (wasEmpty && unseen < ROUNDS_UNSEEN && isStill(dataplane)) {
      unseen += 1;
      return dataplane.live.tend(now());
    }
    unseen = 0;
    const walk = reap(dataplane, now);
    let sliceStart = performance.now();
    for (let step = walk.next(); ; step = walk.next()) {
      if (step.done === true) {
        expectWork(step.value.entries);
        seen = { dataplane, entries: step.value.entries };
        return onRound(step.value);
      }
      if (performance.now() - sliceStart < SLICE_MS) continue;
      if (!(await pause(PAUSE_MS, signal))) return;
      if (current() !== dataplane) return;
      sliceStart = performance.now();
    }
  };
  return keepGoing({ doing: "ending expired connections", pauseMs: ROUND_MS, signal, report, round });
}

/** Whether there are no connections by any count, and nobody waits for a walk. */
function isStill({ live, maps: { loads } }: Dataplane): boolean {
  if (!live.isSettled) return false;
  let end = 0;
  for (const { members } of live.services()) for (const { index } of members) end = Math.max(end, index + 1);
  let isCounted = false;
  const look = (_: number, view: DataView, at: number): void => {
    const { connections, templates } = Load.offsets;
    isCounted ||= view.getBigUint64(at + connections, true) !== 0n || view.getUint32(at + templates, true) !== 0;
  };
  eachValue(loads, look, { end });
  return !isCounted;
}
