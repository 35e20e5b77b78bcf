// Changes of several maps and of what is known about them, all or none: each step says how it is taken back. Writes to
// one map that follow one another are made with few calls, when another map's turn comes.

import type { BpfMap } from "@yardmaster/ebpf";

/** Writes to one map that are still to be made, in order. */
interface Run {
  readonly map: BpfMap;
  readonly entries: (readonly [key: unknown, value: unknown])[];
  /** What was there before. */
  readonly before: unknown[];
}

/** Steps taken so far. */
export class Transaction {
  readonly #undo: (() => void)[] = [];
  readonly #afterwards: (() => void)[] = [];
  #run: Run | undefined;

  /** What takes the step just done back. */
  onFailure(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** What is to be done once all steps are. It must not fail. */
  onSuccess(action: () => void): void {
    this.#afterwards.push(action);
  }

  /** Writes an entry, unless it says that already. Not of a trie, which finds shorter prefixes, too. */
  update<K, V>(map: BpfMap<K, V>, key: K, value: V): void {
    this.flush();
    const before = map.lookup(key);
    if (before === undefined || !isSame(map, before, value)) this.replace(map, key, before, value);
  }

  /** Deletes an entry, if it is there. Not of a trie. */
  delete<K, V>(map: BpfMap<K, V>, key: K): void {
    this.flush();
    const before = map.lookup(key);
    if (before !== undefined) this.replace(map, key, before, undefined);
  }

  /** Puts `after` where `before` is known to be; undefined: no entry. In its turn: see `flush`. */
  replace<K, V>(map: BpfMap<K, V>, key: K, before: V | undefined, after: V | undefined): void {
    if (after === undefined) {
      this.flush();
      map.delete(key);
      if (before !== undefined) this.onFailure(() => map.update(key, before));
      return;
    }
    if (this.#run?.map !== map) {
      this.flush();
      this.#run = { map: map as BpfMap, entries: [], before: [] };
    }
    this.#run.entries.push([key, after]);
    this.#run.before.push(before);
  }

  /** Makes the writes that wait. For those who write, or read, maps themselves. */
  flush(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const { map, entries, before } = run;
    this.onFailure(() => {
      for (let at = entries.length - 1; at >= 0; at--) putBack(map, entries[at]?.[0], before[at]);
    });
    const [only] = entries;
    if (only !== undefined && entries.length === 1) map.update(...only);
    else map.updateBatch(entries);
  }

  /** Sets an entry of a JavaScript map; undefined deletes it. */
  set<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
    const before = map.get(key);
    put(map, key, value);
    this.onFailure(() => put(map, key, before));
  }

  /** All steps are taken. */
  finish(): void {
    for (const action of this.#afterwards) action();
  }

  /** Takes all steps back, the last first. Returns what went wrong with that. */
  rollBack(): readonly unknown[] {
    this.#run = undefined;
    return this.#undo.toReversed().flatMap((undo) => {
      try {
        undo();
        return [];
      } catch (error) {
        return [error];
      }
    });
  }
}

/** Runs `body`; if it throws, its steps are taken back and the error goes on. */
export function transact<T>(body: (transaction: Transaction) => T): T {
  const transaction = new Transaction();
  let result: T;
  try {
    result = body(transaction);
    transaction.flush();
  } catch (error) {
    const problems = transaction.rollBack();
    if (problems.length === 0) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new AggregateError([error, ...problems], `${message}; and not all of it could be taken back`);
  }
  transaction.finish();
  return result;
}

function isSame<K, V>({ spec }: BpfMap<K, V>, a: V, b: V): boolean {
  return Buffer.compare(spec.value.encode(a), spec.value.encode(b)) === 0;
}

function putBack(map: BpfMap, key: unknown, value: unknown): void {
  if (value === undefined) map.delete(key);
  else map.update(key, value);
}

function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
