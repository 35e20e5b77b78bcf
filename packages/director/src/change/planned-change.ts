// A change that could be made: what `plan` answers, over the API as JSON. Types only.

import type { ConfigurationFault } from "../config/fault.ts";
import type { ConfigurationDiff } from "./diff.ts";

/** What a change does to the program. */
export type ProgramFate =
  | { readonly program: "kept" }
  /** `because`: what the one before lacks. */
  | { readonly program: "exchanged"; readonly because: string };

/** A change with its costs. */
export interface PlannedChange {
  readonly diff: ConfigurationDiff;
  readonly program: ProgramFate;
  readonly warnings: readonly ConfigurationFault[];
}

/** A change that was made. */
export interface MadeChange extends PlannedChange {
  /** Of the configuration that runs now. */
  readonly revision: string;
  /** It is taken back in so many milliseconds unless it is confirmed; absent: it stays. */
  readonly confirmWithinMs?: number;
}
