// Which parts of a table are read when. What was seen in a part says when there is something to do in it next, so that
// a table of a million entries of which few are due costs what these few cost.

/** A part of a table, as it was when it was read. */
export interface Seen {
  /** Entries that stayed. */
  readonly entries: number;
  /** Those of them that are connections: others only lead to one. */
  readonly connections: number;
  /** The tick at which it was read. */
  readonly readAt: number;
  /** The tick at which the first of its entries ends; undefined: it has none that do. */
  readonly earliest: number | undefined;
}

/** One part: from its start to that of the next. */
interface Part {
  readonly start: number;
  /** Undefined: it has not been read yet. */
  seen: Seen | undefined;
  next: Part | undefined;
}

/** Reads a table from a place on; `next`: the place that it came to, undefined where that is the end. */
export type Read = (from: number) => Seen & { readonly next: number | undefined };

/** The parts of one table: they cover it without a gap, whatever their number. */
export class Rota {
  #first: Part = { start: 0, seen: undefined, next: undefined };

  /** Reads the parts that were never read or of which `isDue` says so; yields after each. */
  *walk(isDue: (seen: Seen) => boolean, read: Read): Generator<undefined, void> {
    for (let part: Part | undefined = this.#first; part !== undefined; part = part.next) {
      if (part.seen !== undefined && !isDue(part.seen)) continue;
      const { next, ...seen } = read(part.start);
      part.seen = seen;
      part.next = behind(part, next);
      yield;
    }
  }

  /** What is in the table by what was seen in each part last. */
  get held(): Pick<Seen, "entries" | "connections"> {
    let [entries, connections] = [0, 0];
    for (let part: Part | undefined = this.#first; part !== undefined; part = part.next) {
      entries += part.seen?.entries ?? 0;
      connections += part.seen?.connections ?? 0;
    }
    return { entries, connections };
  }
}

/** What follows on a part that was read up to `end`: the rest of it, or what of the next ones was not read along. */
function behind(part: Part, end: number | undefined): Part | undefined {
  if (end === undefined) return undefined;
  let next = part.next;
  if (next === undefined || end < next.start) return { start: end, seen: undefined, next };
  while (next.next !== undefined && next.next.start <= end) next = next.next;
  return next.start === end ? next : { start: end, seen: next.seen, next: next.next };
}
