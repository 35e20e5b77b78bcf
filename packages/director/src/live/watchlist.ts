// What the reaper's walk over the connections is to do and to look for besides those whose time is up: connections of
// destinations that were removed are ended, where that is wished, and it is noted whose replies still need what.

/** What one walk is for; fixed when it begins. */
export interface Watch {
  /** Removed destinations whose connections end now. */
  readonly doomed: ReadonlySet<number>;
  /** Destinations of which it is to be noted whether they have connections that … */
  readonly waiting: ReadonlySet<number>;
}

/** What it saw of those that are waited for: destinations with connections … */
export interface Seen {
  /** … that have no entry for replies, though there are some … */
  readonly relying: Set<number>;
  /** … that have replies. */
  readonly answered: Set<number>;
}

/** A walk that has been over all connections. */
export interface FinishedWalk {
  readonly watch: Watch;
  readonly seen: Seen;
}

/** Destinations whose connections are to be ended. */
export class Doomed {
  /** By index, with a mark of its own for each time. */
  #marks = new Map<number, object>();
  /** What the walk that is on began with. */
  #begun: ReadonlyMap<number, object> = new Map();

  add(index: number): void {
    this.#marks.set(index, {});
  }

  /** It came back. */
  spare(index: number): void {
    this.#marks.delete(index);
  }

  get size(): number {
    return this.#marks.size;
  }

  /** A walk begins. */
  begin(): ReadonlySet<number> {
    this.#begun = new Map(this.#marks);
    return new Set(this.#begun.keys());
  }

  /** It has been everywhere: done with those that it began with, unless they were removed once more meanwhile. */
  finish(): void {
    for (const [index, mark] of this.#begun) {
      if (this.#marks.get(index) === mark) this.#marks.delete(index);
    }
  }
}
