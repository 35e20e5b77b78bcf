// So many in a second and no more: seconds begin with the first that comes after the one before is over.

import { TICKS_PER_SECOND } from "../plan.ts";

export class Admission {
  #startedAt = Number.NEGATIVE_INFINITY;
  #seen = 0;

  /** Whether one more may come at tick `now`; those that may not are counted too. */
  allows(now: number, perSecond: number): boolean {
    if (now - this.#startedAt >= TICKS_PER_SECOND) {
      this.#startedAt = now;
      this.#seen = 0;
    }
    this.#seen += 1;
    return this.#seen <= perSecond;
  }
}
