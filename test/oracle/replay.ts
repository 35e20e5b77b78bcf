// Goes through a recording step by step and keeps count of what agrees: what scenarios and packet vectors share.
import { type Difference, type Disagreement, stateOf } from "./agreement.ts";
import type { Director } from "./director.ts";

/** How far a replay agrees with its recording. */
export interface Replay {
  readonly steps: number;
  /** Steps on which everything observed is the same. */
  readonly agreed: number;
  /** The first comes first; more follow from it as a rule. */
  readonly disagreements: readonly Disagreement[];
}

/** A moment of a recording: what to call it, and how the replay differs from it. */
export interface Moment {
  /** "step 12", "at the end". */
  readonly place: string;
  readonly text: string;
  /** Whether it counts as a step. */
  readonly isStep: boolean;
  readonly play: () => readonly Difference[];
}

/**
 * Plays the moments in order, on through disagreements. An error ends the replay: it is thrown, with the place where it
 * happened, unless there is a disagreement before it to report.
 */
export function replay(moments: readonly Moment[], director: Director): Replay {
  const disagreements: Disagreement[] = [];
  let agreed = 0;
  const steps = moments.filter(({ isStep }) => isStep).length;
  for (const { place, text, isStep, play } of moments) {
    try {
      const differences = play();
      if (differences.length > 0) disagreements.push({ place, text, differences, state: stateOf(director) });
      else if (isStep) agreed += 1;
    } catch (error) {
      if (disagreements.length > 0) break;
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${place}${text === "" ? "" : `, ${text}`}: ${message}`, { cause: error });
    }
  }
  return { steps, agreed, disagreements };
}
