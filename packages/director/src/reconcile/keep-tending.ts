// Drains and slow starts at work: looked after once a second.

import type { Transitions } from "../change/transitions.ts";
import { keepGoing, type Rounds } from "./rounds.ts";

const ROUND_MS = 1000;

/** Ends what is over, again and again until `signal` is aborted. */
export function keepTending(
  transitions: Pick<Transitions, "tend">,
  { signal, report }: Pick<Rounds, "signal" | "report">,
): Promise<void> {
  const round = (): void => transitions.tend();
  return keepGoing({ doing: "ending what has drained", pauseMs: ROUND_MS, signal, report, round });
}
