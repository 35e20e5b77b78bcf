// What is wanted and could not be put into the maps, tried again.

import { keepGoing, type Rounds } from "./rounds.ts";

const ROUND_MS = 1000;

/** Catches up, where something is behind, until `signal` is aborted. */
export function keepCaughtUp(catchUp: () => void, options: Pick<Rounds, "signal" | "report">): Promise<void> {
  return keepGoing({ doing: "changing services", pauseMs: ROUND_MS, ...options, round: catchUp });
}
