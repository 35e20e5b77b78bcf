// The reaper at work: walks over the connection table where something is due, in slices so that the event loop stays
// free.

import { expectWork } from "../engine.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { type ReaperRound, Reaping } from "./reaper.ts";
import { keepGoing, pause, type Rounds } from "./rounds.ts";

/** Milliseconds of work between two pauses, and the pause: at most a fifth of a core. */
const SLICE_MS = 10;
const PAUSE_MS = 40;
const ROUND_MS = 1000;
/** Entries of a part, which is read with one call: where one of them is due the others are looked at, too. */
const PART = 256;

/** What is told of a round. */
export interface RoundDone extends ReaperRound {
  readonly reaping: Reaping;
}

/**
 * Looks about once a second what is due until `signal` is aborted; `onRound` gets each result. A walk over a data plane
 * that is no longer the one that `current` gives is given up.
 */
export function keepReaping(
  current: () => Dataplane,
  now: () => number,
  { signal, report }: Pick<Rounds, "signal" | "report">,
  onRound: (round: RoundDone) => void,
): Promise<void> {
  let reaping: Reaping | undefined;
  const round = async (): Promise<void> => {
    const dataplane = current();
    if (reaping?.dataplane !== dataplane) reaping = new Reaping(dataplane, PART);
    const walk = reaping.round(now);
    let sliceStart = performance.now();
    for (let step = walk.next(); ; step = walk.next()) {
      if (step.done === true) {
        expectWork(step.value.entries);
        return onRound({ ...step.value, reaping });
      }
      if (performance.now() - sliceStart < SLICE_MS) continue;
      if (!(await pause(PAUSE_MS, signal))) return;
      if (current() !== dataplane) return;
      sliceStart = performance.now();
    }
  };
  return keepGoing({ doing: "ending expired connections", pauseMs: ROUND_MS, signal, report, round });
}
