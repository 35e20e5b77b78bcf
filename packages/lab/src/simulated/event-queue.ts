// The clock of the simulated network: what is to happen, in order of time. Nothing waits; time jumps from one
// event to the next, so that a run is the same on every machine, however fast it is.

interface Event {
  readonly atMs: number;
  /** Events of the same time happen in the order in which they were scheduled. */
  readonly order: number;
  readonly action: () => void;
  isCancelled: boolean;
}

/** Takes back what was scheduled; harmless once it has happened. */
export type Cancel = () => void;

/** A queue of events and the time of the one that happened last. */
export class EventQueue {
  /** A binary heap: no event is before its parent, the one at half its place. */
  readonly #heap: Event[] = [];
  #scheduled = 0;
  #nowMs = 0;

  /** Simulated time since the start, in milliseconds. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Lets `action` happen `delayMs` from now (0: after all that is scheduled for now already). */
  after(delayMs: number, action: () => void): Cancel {
    const event: Event = { atMs: this.#nowMs + delayMs, order: this.#scheduled++, action, isCancelled: false };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Lets the next event happen; false when there is none. */
  step(): boolean {
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      if (event.isCancelled) continue;
      this.#nowMs = event.atMs;
      event.action();
      return true;
    }
    return false;
  }

  #push(event: Event): void {
    let place = this.#heap.push(event) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      this.#heap[place] = above;
      place = parent;
    }
    this.#heap[place] = event;
  }

  #pop(): Event | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!isBefore(child, last)) break;
      this.#heap[place] = child;
      place = 2 * place + (isRight ? 2 : 1);
    }
    this.#heap[place] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
