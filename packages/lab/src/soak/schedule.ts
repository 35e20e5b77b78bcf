// What a soak does next: drawn by lot from what is left to do, or, where time is the measure, by how often things
// happen.
import type { Random } from "@yardmaster/packet";

import type { SoakAmounts } from "./soak-options.ts";
import type { DisturbanceKind } from "./soak-report.ts";

/** What is drawn; servers die beside it. */
type Drawn = Exclude<DisturbanceKind, "outage">;

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

  /** What to do; undefined: nothing that may be done now. `kill` and `restart` only where the director may go. */
  next(mayKill: "may kill" | "may not kill"): Drawn | undefined {
    const random = this.#random;
    const isKept = mayKill === "may not kill";
    if (this.#left === undefined) return pick(without(usual, isKept), random);
    if (random.chance(extra.hand)) return "hand";
    if (!isKept && random.chance(extra.restart)) return "restart";
    return pick(without(this.#left, isKept), random);
  }

  /** Something was done. */
  done(kind: Drawn): void {
    if (this.#left === undefined || kind === "hand" || kind === "restart") return;
    this.#left[kind] -= 1;
  }
}

function without(shares: Readonly<Partial<Record<Drawn, number>>>, isKept: boolean): readonly [Drawn, number][] {
  const all = Object.entries(shares) as [Drawn, number][];
  return all.filter(([kind, share]) => share > 0 && !(isKept && (kind === "kill" || kind === "restart")));
}

/** One of these, as often as its share says. */
function pick(shares: readonly [Drawn, number][], random: Random): Drawn | undefined {
  let at = random.below(shares.reduce((sum, [, share]) => sum + share, 0));
  for (const [kind, share] of shares) {
    if (at < share) return kind;
    at -= share;
  }
  return undefined;
}
