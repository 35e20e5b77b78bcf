// A clock that goes when it is told to: timers in their order, everything at its exact time.
import type { Cancel, Clock } from "../../src/health/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Starts at 0; its date is a day ahead. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #random: () => number;
  readonly #timers = new Set<Timer>();
  /** Added to the date: what setting the machine's clock does. */
  dateShiftMs = 86_400_000;

  constructor(random: () => number = () => 0) {
    this.#random = random;
  }

  /** Timers that are waiting. */
  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  date(): number {
    return this.#nowMs + this.dateShiftMs;
  }

  random(): number {
    return this.#random();
  }

  timer(delayMs: number, callback: () => void): Cancel {
    const timer = { atMs: this.#nowMs + delayMs, order: this.#order++, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  afterInput(callback: () => void): Cancel {
    return this.timer(0, callback);
  }

  /** Lets time pass. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort(byTime);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = endMs;
  }

  /** Time passes while nothing runs. */
  stall(ms: number): void {
    this.#nowMs += ms;
    this.advance(0);
  }
}

function byTime(a: Timer, b: Timer): number {
  return a.atMs - b.atMs || a.order - b.order;
}
