// Changes of several maps and of what is known about them, all or none: each step says how it is taken back.

import type { BpfMap } from "@yardmaster/ebpf";

/** Steps taken so far. */
export class Transaction {
  readonly #undo: (() => void)[] = [];
  readonly #afterwards: (() => void)[] = [];

  /** What takes the step just done back. */
  onFailure(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** What is to be done once all steps are. It must not fail. */
  onSuccess(action: () => void): void {
    this.#afterwards.push(action);
  }

  /** Writes an entry, unless it says that already. */
  update<K, V>(map: BpfMap<K, V>, key: K, value: V): void {
    const before = map.lookup(key);
    if (before !== undefined && isSame(map, before, value)) return;
    map.update(key, value);
    this.onFailure(() => (before === undefined ? map.delete(key) : map.update(key, before)));
  }

  /** Deletes an entry, if it is there. */
  delete<K, V>(map: BpfMap<K, V>, key: K): void {
    const before = map.lookup(key);
    if (before === undefined) return;
    map.delete(key);
    this.onFailure(() => map.update(key, before));
  }

  /** Sets an entry of a JavaScript map; undefined deletes it. */
  set<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
    const before = map.get(key);
    put(map, key, value);
    this.onFailure(() => put(map, key, before));
  }

  finish(): void {
    for (const action of this.#afterwards) action();
  }

  /** Takes all steps back, the last first. Returns what went wrong with that. */
  rollBack(): readonly unknown[] {
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

function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
