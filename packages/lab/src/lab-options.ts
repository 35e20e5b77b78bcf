// What the lab is asked to run.
import type { DirectorCommand } from "./director-process.ts";
import type { LabChoice } from "./layout.ts";

/** What to run. */
export interface LabOptions {
  readonly choices: readonly LabChoice[];
  /** Leave the networks standing, with servers and director, and say how to enter them. */
  readonly keep: boolean;
  /** How many client addresses, 1 to 200. */
  readonly clients: number;
  /** Requests to each service of the scenario `shares`. */
  readonly requests: number;
  /** A folder that exists, for capture files of the connections that are followed; none are written without. */
  readonly captureFolder?: string | undefined;
  /** What takes tunnels apart on the real servers: our program (default), or the kernel's own devices. */
  readonly unwrap?: "own" | "kernel" | undefined;
  /** Write one JSON document (a LabReport) instead of words. */
  readonly json: boolean;
  readonly write: (text: string) => void;
  /** Interrupts the run; everything it made is removed. */
  readonly signal?: AbortSignal;
  /** How to start the `yardmaster` command; this source tree's unless given. */
  readonly directorCommand?: DirectorCommand;
}
