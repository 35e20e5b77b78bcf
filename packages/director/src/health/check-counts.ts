// What all checks of a director have done, in numbers: how their exchanges ended, and how late they began. A check that
// begins late was kept from it by others, or by the machine.
import type { Outcome } from "./streak.ts";

/** Upper bounds of what is told apart, in milliseconds. */
export const latenessBoundsMs = [1, 5, 10, 25, 50, 100, 250, 500, 1000] as const;

/** The numbers. */
export interface CheckTotals {
  /** Exchanges that ended so. */
  readonly exchanges: Readonly<Record<Outcome, number>>;
  /** Exchanges that began so late at most, by bound; beyond the last: `begun` less all of them. */
  readonly lateness: readonly number[];
  readonly begun: number;
  readonly lateMs: number;
}

/** Counts up. */
export class CheckCounts {
  readonly #exchanges = { good: 0, bad: 0, unknown: 0 };
  readonly #lateness = latenessBoundsMs.map(() => 0);
  #begun = 0;
  #lateMs = 0;

  /** One begins in its turn, so much after its time. */
  begins(lateMs: number): void {
    this.#begun += 1;
    this.#lateMs += Math.max(0, lateMs);
    const bound = latenessBoundsMs.findIndex((most) => lateMs <= most);
    if (bound >= 0) this.#lateness[bound] = (this.#lateness[bound] ?? 0) + 1;
  }

  ended(outcome: Outcome): void {
    this.#exchanges[outcome] += 1;
  }

  get totals(): CheckTotals {
    return {
      exchanges: { ...this.#exchanges },
      lateness: [...this.#lateness],
      ...{ begun: this.#begun, lateMs: this.#lateMs },
    };
  }
}
