// LVS's rates: what happens in a second, averaged so that the latest two seconds count a quarter (ip_vs_est in
// net/netfilter/ipvs/ip_vs_est.c; shared behaviour reference §11). Integer arithmetic, as there: numbers are the same.
// Of many things at a time, in tables: an object for each of a hundred thousand servers would be most of the work.

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
/** A row of a table of counters has these, in this order. */
export const RATE_FIELDS = ["connections", "packetsIn", "packetsOut", "bytesIn", "bytesOut"] as const;
/** Numbers in a row. */
export const RATE_WIDTH = RATE_FIELDS.length;
/** What a kept number is a multiple of: of connections and packets, and of bytes. */
const FRACTIONS = [1024, 1024, 1024, 32, 32] as const;

/** Names those that are to be measured, each by its number and who has it. */
export type EachOwner<Owner> = (measure: (number: number, owner: Owner) => void) => void;

/** The rates of many things, each known by a number and, as numbers are given again, by what has it. */
export class Rates<Owner> {
  readonly #isSame: (a: Owner, b: Owner) => boolean;
  /** By number. */
  #owners: (Owner | undefined)[] = [];
  /** By number: the round that it was measured in last; 0: none. */
  #rounds = new Uint32Array(0);
  #round = 0;
  /** Rows by number: what was counted the last time … */
  #last: Float64Array = new Float64Array(0);
  /** … and the averages: whole numbers, as in the kernel; of a terabit a second, too, they are below 2^53. */
  #averages = new Float64Array(0);

  /** `isSame`: whether who has a number is who had it before. */
  constructor(isSame: (a: Owner, b: Owner) => boolean) {
    this.#isSame = isSame;
  }

  /**
   * Two seconds have passed: `counted` has the row of each of them by its number. What is no longer there is forgotten.
   * `counted` belongs to the rates until the next time, when the table of this time is given back to be written anew.
   */
  measure(counted: Float64Array, each: EachOwner<Owner>): Float64Array {
    const before = this.#last;
    this.#makeRoom(counted.length);
    const round = (this.#round += 1);
    each((number, owner) => {
      const known = this.#owners[number];
      const isKnown = this.#rounds[number] === round - 1 && known !== undefined && this.#isSame(known, owner);
      this.#rounds[number] = round;
      this.#owners[number] = owner;
      // Begins with what has been counted so far: none of it is of now.
      if (isKnown) this.#estimate(counted, number * RATE_WIDTH);
      else this.#averages.fill(0, number * RATE_WIDTH, (number + 1) * RATE_WIDTH);
    });
    this.#last = counted;
    return before;
  }

  /** So many in a second, rounded as LVS rounds; undefined: nothing has been measured of it. */
  of(number: number, owner: Owner): RateCounters | undefined {
    const known = this.#owners[number];
    const isKnown = this.#rounds[number] === this.#round && known !== undefined && this.#isSame(known, owner);
    if (!isKnown) return undefined;
    const [connections = 0, packetsIn = 0, packetsOut = 0, bytesIn = 0, bytesOut = 0] = FRACTIONS.map(
      (fraction, field) =>
        Math.floor(((this.#averages[number * RATE_WIDTH + field] ?? 0) + fraction / 2 - 1) / fraction),
    );
    return { connections, packetsIn, packetsOut, bytesIn, bytesOut };
  }

  #estimate(counted: Float64Array, row: number): void {
    for (let field = 0; field < RATE_WIDTH; field++) {
      const now = counted[row + field] ?? 0;
      const then = this.#last[row + field] ?? 0;
      const average = this.#averages[row + field] ?? 0;
      // What most servers of many are.
      if (now === then && average === 0) continue;
      // Counters that begin anew, as after a restart of what is counted, say nothing of what happened in between.
      const sample = (Math.max(0, now - then) * (FRACTIONS[field] ?? 1)) / 2;
      this.#averages[row + field] = average + Math.floor((sample - average) / 4);
    }
  }

  #makeRoom(length: number): void {
    if (length <= this.#averages.length) return;
    const averages = new Float64Array(length);
    averages.set(this.#averages);
    this.#averages = averages;
    const rounds = new Uint32Array(length / RATE_WIDTH);
    rounds.set(this.#rounds);
    this.#rounds = rounds;
  }
}
