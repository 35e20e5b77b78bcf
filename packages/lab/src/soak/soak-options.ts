// What a soak is asked to do.
import type { DirectorCommand } from "../director-process.ts";

/** How often a soak does each thing; it ends when all are done. */
export interface SoakAmounts {
  readonly reloads: number;
  readonly kills: number;
  readonly swaps: number;
}

/** What to run. */
export interface SoakOptions {
  /** How long, or how much. */
  readonly until: { readonly minutes: number } | SoakAmounts;
  /** What chance draws from: the same seed disturbs in the same order. */
  readonly seed: number;
  /** Requests a second, over all services. */
  readonly rate: number;
  /** A server is killed, at the earliest, so long after the last one is back. */
  readonly outageEveryMs: number;
  /** A folder for the logs, the configuration and the report; it is left. Without: with the lab's own, which goes. */
  readonly logFolder?: string | undefined;
  /** Print the report as JSON; lines about the progress go to `note` in any case. */
  readonly json: boolean;
  readonly write: (text: string) => void;
  readonly note: (text: string) => void;
  /** Ends it early, with a report of what was done until then. */
  readonly signal?: AbortSignal;
  /** How to start the `yardmaster` command; this source tree's unless given. */
  readonly directorCommand?: DirectorCommand;
}
