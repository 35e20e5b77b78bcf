// How far what runs is behind what is wanted: checks, drains, slow starts and people change what is wanted; until the
// maps say the same, packets go by what was. What could not be made is tried again until it is.

/** What is known of it. */
export interface ReconcileStatus {
  /** What has waited longest of what is wanted and does not run, in milliseconds; 0: nothing waits. */
  readonly lagMs: number;
  /** From being wanted to running, the last time; undefined: nothing was wanted yet. */
  readonly tookMs?: number;
  readonly made: number;
  readonly failed: number;
}

/** Of one director. Times are of a clock that does not jump. */
export class ReconcileLag {
  #sinceMs: number | undefined;
  #tookMs: number | undefined;
  #made = 0;
  #failed = 0;

  /** Whether something is wanted that could not be made. */
  get isBehind(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** What was wanted since then runs, and with it what waited longer. */
  made(sinceMs: number, nowMs: number): void {
    this.#tookMs = nowMs - (this.#sinceMs ?? sinceMs);
    this.#sinceMs = undefined;
    this.#made += 1;
  }

  /** It could not be made. */
  failed(sinceMs: number): void {
    this.#sinceMs ??= sinceMs;
    this.#failed += 1;
  }

  status(nowMs: number): ReconcileStatus {
    return {
      lagMs: this.#sinceMs === undefined ? 0 : nowMs - this.#sinceMs,
      ...(this.#tookMs !== undefined && { tookMs: this.#tookMs }),
      ...{ made: this.#made, failed: this.#failed },
    };
  }
}
