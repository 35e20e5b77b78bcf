// LVS's rates: what happens in a second, averaged so that the latest two seconds count a quarter (ip_vs_est in
// net/netfilter/ipvs/ip_vs_est.c; shared behaviour reference §11). Integer arithmetic, as there: numbers are the same.

/** What the estimator is fed every two seconds: numbers that only grow. */
export interface RateCounters {
  readonly connections: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Milliseconds between two measurements. */
export const RATE_PERIOD_MS = 2_000;
/** What a kept number is a multiple of: of connections and packets, and of bytes. */
const FRACTIONS = { connections: 1024, packetsIn: 1024, packetsOut: 1024, bytesIn: 32, bytesOut: 32 } as const;
const FIELDS = Object.keys(FRACTIONS) as (keyof RateCounters)[];
const NOTHING: RateCounters = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };

/** The rates of one thing that is counted. */
export class RateEstimator {
  /** Whole numbers, as in the kernel; of a terabit a second, too, they are below 2^53. */
  #average: Record<keyof RateCounters, number> = { ...NOTHING };
  #last: RateCounters;
  /** Nothing happens and nothing is remembered: what most servers of many are. */
  #isStill = true;

  /** Begins with what has been counted so far: none of it is of now. */
  constructor(counters: RateCounters) {
    this.#last = counters;
  }

  /** Two seconds have passed since the last time. */
  measure(counters: RateCounters): void {
    const last = this.#last;
    this.#last = counters;
    if (this.#isStill && isSame(counters, last)) return;
    this.#isStill = true;
    for (const field of FIELDS) {
      // Counters that begin anew, as after a restart of what is counted, say nothing of what happened in between.
      const sample = (Math.max(0, counters[field] - last[field]) * FRACTIONS[field]) / 2;
      this.#average[field] += Math.floor((sample - this.#average[field]) / 4);
      if (this.#average[field] !== 0) this.#isStill = false;
    }
  }

  /** So many in a second, rounded as LVS rounds. */
  get perSecond(): RateCounters {
    const shown = (field: keyof RateCounters): number => {
      const fraction = FRACTIONS[field];
      return Math.floor((this.#average[field] + fraction / 2 - 1) / fraction);
    };
    return {
      connections: shown("connections"),
      packetsIn: shown("packetsIn"),
      packetsOut: shown("packetsOut"),
      bytesIn: shown("bytesIn"),
      bytesOut: shown("bytesOut"),
    };
  }
}

/** The rates of many things, each known by a number and, as numbers are given again, by what has it. */
export class Rates {
  #estimators = new Map<number, { readonly owner: string; readonly estimator: RateEstimator }>();

  /** Two seconds have passed: what each has counted now. What is no longer there is forgotten. */
  measure(counted: Iterable<readonly [number: number, owner: string, counters: RateCounters]>): void {
    const before = this.#estimators;
    this.#estimators = new Map();
    for (const [number, owner, counters] of counted) {
      const known = before.get(number);
      const isSame = known?.owner === owner;
      if (isSame) known.estimator.measure(counters);
      this.#estimators.set(number, isSame ? known : { owner, estimator: new RateEstimator(counters) });
    }
  }

  /** Undefined: nothing has been measured of it. */
  of(number: number, owner: string): RateCounters | undefined {
    const known = this.#estimators.get(number);
    return known?.owner === owner ? known.estimator.perSecond : undefined;
  }
}

function isSame(a: RateCounters, b: RateCounters): boolean {
  return (
    a.connections === b.connections &&
    a.packetsIn === b.packetsIn &&
    a.packetsOut === b.packetsOut &&
    a.bytesIn === b.bytesIn &&
    a.bytesOut === b.bytesOut
  );
}
