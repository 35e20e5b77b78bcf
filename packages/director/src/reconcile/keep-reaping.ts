// The reaper at work: walks over the connection table, in slices so that the event loop stays free.

import type { Dataplane } from "../kernel/dataplane.ts";
import { type ReaperRound, reap } from "./reaper.ts";
import { keepGoing, pause, type Rounds } from "./rounds.ts";

/** Milliseconds of work between two pauses, and the pause: at most a fifth of a core. */
const SLICE_MS = 10;
const PAUSE_MS = 40;
const ROUND_MS = 1000;

/**
 * Walks the table about once a second until `signal` is aborted; `onRound` gets each result. A walk over a data plane
 * that is no longer the one that `current` gives is given up.
 */
export function keepReaping(
  current: () => Dataplane,
  now: () => number,
  { signal, report }: Pick<Rounds, "signal" | "report">,
  onRound: (round: ReaperRound) => void,
): Promise<void> {
  const round = async (): Promise<void> => {
    const dataplane = current();
    const walk = reap(dataplane, now);
    let sliceStart = performance.now();
    for (let step = walk.next(); ; step = walk.next()) {
      if (step.done === true) return onRound(step.value);
      if (performance.now() - sliceStart < SLICE_MS) continue;
      if (!(await pause(PAUSE_MS, signal))) return;
      if (current() !== dataplane) return;
      sliceStart = performance.now();
    }
  };
  return keepGoing({ doing: "ending expired connections", pauseMs: ROUND_MS, signal, report, round });
}
