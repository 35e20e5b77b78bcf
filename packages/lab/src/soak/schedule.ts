// What a soak does next: drawn by lot from what is left to do, or, where time is the measure, by how often things
// happen.
import type { Random } from "@yardmaster/packet";

import type { SoakAmounts } from "./soak-options.ts";
import type { DisturbanceKind } from "./soak-report.ts";

/** What is drawn; servers die beside it. */
export type Drawn = Exclude<DisturbanceKind, "outage">;

/** Of a hundred, where time is the measure. */
const usual: Readonly<Record<Drawn, number>> = { reload: 68, hand: 12, swap: 9, kill: 9, restart: 2 };
/** Probabilities, where amounts are: they are not among these. */
const extra = { hand: 0.1, restart: 0.01 } as const;

/** Draws one thing after the other. */
export class Schedule {
  readonly #random: Random;
  readonly #left: { reload: number; swap: number; kill: number } | undefined;

  /** Without amounts it has no end. */
  constructor(random: Random, amounts: SoakAmounts | undefined) {
    this.#random = random;
    this.#left = amounts && { reload: amounts.reloads, swap: amounts.swaps, kill: amounts.kills };
  }

  /** Whether all is done. */
  get isOver(): boolean {
    return this.#left !== undefined && Math.max(...Object.values(this.#left)) <= 0;
  }

  /** What to do, out of all or of what does not stop the director. */
  next(outOf: "everything" | "reloads" = "everything"): Drawn {
    const random = this.#random;
    if (outOf === "reloads") return this.#left === undefined || this.#left.reload > 0 ? "reload" : "hand";
    if (this.#left === undefined) return pick(usual, random);
    if (random.chance(extra.hand)) return "hand";
    if (random.chance(extra.restart)) return "restart";
    return pick(this.#left, random);
  }

  /** Something was done. */
  done(kind: Drawn): void {
    if (this.#left === undefined || kind === "hand" || kind === "restart") return;
    this.#left[kind] -= 1;
  }
}

/** One of these, as often as its share says. */
function pick(shares: Readonly<Partial<Record<Drawn, number>>>, random: Random): Drawn {
  const all = (Object.entries(shares) as [Drawn, number][]).filter(([, share]) => share > 0);
  let at = random.below(all.reduce((sum, [, share]) => sum + share, 0));
  for (const [kind, share] of all) {
    if (at < share) return kind;
    at -= share;
  }
  return "reload";
}
