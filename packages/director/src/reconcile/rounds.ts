// Work that goes on for as long as a director runs: rounds with pauses between them. A round that the
// kernel refuses is reported and tried again in its turn, while packets go on.

import { setTimeout as sleep } from "node:timers/promises";
import { SyscallError, withRouteSocket } from "@yardmaster/linux";
import type { Report } from "../log/report.ts";

/** Rounds of one kind of work. */
export interface Rounds {
  /** As in "ending expired connections". */
  readonly doing: string;
  /** Milliseconds between the end of a round and the next. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  readonly report: Report;
  /** One round. */
  readonly round: () => void | Promise<void>;
}

/** Runs rounds, the first at once, until `signal` is aborted. Only errors of the kernel are survived. */
export async function keepGoing({ doing, pauseMs, signal, report, round }: Rounds): Promise<void> {
  let problem: string | undefined;
  while (!signal.aborted) {
    try {
      await round();
      if (problem !== undefined) report(`${doing}: works again`, { event: "troubleEnded", level: "notice" });
      problem = undefined;
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      const { message: reason } = error;
      if (reason !== problem) report(`${doing}: ${reason}`, { event: "troubleBegun", level: "error", reason });
      problem = reason;
    }
    await pause(pauseMs, signal);
  }
}

/** How long work may keep everything else waiting, and the pause after that: a third of a core at most. */
const SLICE_MS = 5;
const REST_MS = 10;

/** Takes the steps of long work that are short themselves, in slices, until `signal` is aborted or `isCurrent` ends. */
export async function inSlices(
  steps: Iterator<unknown>,
  { signal, isCurrent = () => true }: Pick<Rounds, "signal"> & { readonly isCurrent?: () => boolean },
): Promise<void> {
  while (!signal.aborted && isCurrent()) {
    const until = performance.now() + SLICE_MS;
    const isDone = withRouteSocket(() => {
      do if (steps.next().done === true) return true;
      while (performance.now() < until);
      return false;
    });
    if (isDone) return;
    await pause(REST_MS, signal);
  }
}

/** Waits; false when `signal` was aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
