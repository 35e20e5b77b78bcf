// How much may be asked of the API: so often by each asker, so much at once. What is too much is refused before
// anything of it is read, and says when to come again.

/** What a listener admits. */
export interface Limits {
  /** Requests of one asker in a second, in the long run and at once. */
  readonly perSecond: number;
  readonly burst: number;
  /** Requests that are answered at the same time. */
  readonly atOnce: number;
  /** Bytes of bodies that are read at the same time. */
  readonly bodyBytes: number;
}

/** Askers that are told apart; those that were silent longest are forgotten, with what they had used up. */
const MOST_ASKERS = 1024;

interface Bucket {
  left: number;
  filledMs: number;
}

/** Where a request came in; it leaves once. */
export interface Admitted {
  readonly leave: () => void;
}

/** What one listener admits. */
export class Admission {
  readonly #limits: Limits;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();
  #atOnce = 0;
  #bodyBytes = 0;

  /** `nowMs`: milliseconds of a clock that does not jump. */
  constructor(limits: Limits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Takes so many requests from what an asker has; returns after how many whole seconds it has them, 0: now. */
  waitSeconds(asker: string, requests = 1): number {
    const { perSecond, burst } = this.#limits;
    const nowMs = this.#nowMs();
    const known = this.#buckets.get(asker);
    const filled = known === undefined ? burst : known.left + ((nowMs - known.filledMs) / 1000) * perSecond;
    const left = Math.min(burst, filled);
    const isEnough = left >= 1;
    this.#buckets.delete(asker);
    // What is taken beyond nothing must be waited for, too, but no longer than filling the whole takes.
    this.#buckets.set(asker, { left: isEnough ? Math.max(left - requests, -burst) : left, filledMs: nowMs });
    this.#forget();
    return isEnough ? 0 : Math.ceil((1 - left) / perSecond);
  }

  /** Lets a request in that may have a body of so many bytes; undefined: there is no room. */
  enter(bodyBytes: number): Admitted | undefined {
    const { atOnce, bodyBytes: most } = this.#limits;
    if (this.#atOnce >= atOnce || this.#bodyBytes + bodyBytes > most) return undefined;
    this.#atOnce += 1;
    this.#bodyBytes += bodyBytes;
    let isIn = true;
    const leave = (): void => {
      if (!isIn) return;
      isIn = false;
      this.#atOnce -= 1;
      this.#bodyBytes -= bodyBytes;
    };
    return { leave };
  }

  #forget(): void {
    if (this.#buckets.size <= MOST_ASKERS) return;
    const [longest] = this.#buckets.keys();
    if (longest !== undefined) this.#buckets.delete(longest);
  }
}
