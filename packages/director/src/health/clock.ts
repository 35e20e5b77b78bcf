// The time that checks go by: monotonic, so that setting the machine's clock moves nothing; replaced in tests.

/** Takes back what was planned; does nothing once it has happened. */
export type Cancel = () => void;

/** A clock with timers. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** The date, for people only: milliseconds since 1970. */
  date(): number;
  /** Calls back after `delayMs`. */
  timer(delayMs: number, callback: () => void): Cancel;
  /** Calls back once input that has arrived by now was read. */
  afterInput(callback: () => void): Cancel;
  /** From 0 to 1, 1 excluded. */
  random(): number;
}

/** Node's. Timers keep no process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  timer: (delayMs, callback) => {
    // Node rounds down and may call back up to a millisecond early.
    const timer = setTimeout(callback, Math.ceil(delayMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
  afterInput: (callback) => {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
  random: () => Math.random(),
};
