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
/** Fraction bits of what is kept: of connections and packets, and of bytes. */
const FRACTION_BITS = { connections: 10n, packetsIn: 10n, packetsOut: 10n, bytesIn: 5n, bytesOut: 5n } as const;
type Field = keyof RateCounters;
const FIELDS = Object.keys(FRACTION_BITS) as Field[];

/** The rates of one thing that is counted. */
export class RateEstimator {
  readonly #average: Record<Field, bigint> = {
    connections: 0n,
    packetsIn: 0n,
    packetsOut: 0n,
    bytesIn: 0n,
    bytesOut: 0n,
  };
  #last: RateCounters;

  /** Begins with what has been counted so far: none of it is of now. */
  constructor(counters: RateCounters) {
    this.#last = counters;
  }

  /** Two seconds have passed since the last time. */
  measure(counters: RateCounters): void {
    for (const field of FIELDS) {
      // Counters that begin anew, as after a restart of what is counted, say nothing of what happened in between.
      const grown = BigInt(Math.max(0, counters[field] - this.#last[field]));
      const sample = grown << (FRACTION_BITS[field] - 1n);
      this.#average[field] += (sample - this.#average[field]) >> 2n;
    }
    this.#last = counters;
  }

  /** So many in a second, rounded as LVS rounds. */
  get perSecond(): RateCounters {
    const shown = (field: Field): number => {
      const bits = FRACTION_BITS[field];
      return Number((this.#average[field] + (1n << (bits - 1n)) - 1n) >> bits);
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

/** The rates of many things, by name. */
export class Rates {
  readonly #estimators = new Map<string, RateEstimator>();

  /** Two seconds have passed: what each has counted now. What is no longer there is forgotten. */
  measure(counted: ReadonlyMap<string, RateCounters>): void {
    for (const name of this.#estimators.keys()) if (!counted.has(name)) this.#estimators.delete(name);
    for (const [name, counters] of counted) {
      const known = this.#estimators.get(name);
      if (known === undefined) this.#estimators.set(name, new RateEstimator(counters));
      else known.measure(counters);
    }
  }

  /** Undefined: nothing has been measured of it. */
  of(name: string): RateCounters | undefined {
    return this.#estimators.get(name)?.perSecond;
  }
}
