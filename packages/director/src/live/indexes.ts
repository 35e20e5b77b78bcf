// Places in maps that are arrays: given out from the lowest, taken back, given out again.

import type { Transaction } from "./transaction.ts";

/** Indexes below a limit. */
export class Indexes {
  readonly limit: number;
  readonly #free = new Set<number>();
  /** Those that may be free, as a heap with the lowest at 0; it can name some that are not, or one twice. */
  readonly #heap: number[] = [];
  /** The lowest that was never given out. */
  #next = 0;
  /** Below this, those that were never given out here may have been elsewhere. */
  #usedBelow = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** All that are in use are below. */
  get end(): number {
    return this.#next;
  }

  /** How many are in use. */
  get used(): number {
    return this.#next - this.#free.size;
  }

  /** Holds the places of a former data plane: these are in use, and any other of its `limit` may have been. */
  inherit(used: ReadonlySet<number>, limit: number): void {
    for (const index of used) this.#next = Math.max(this.#next, index + 1);
    for (let index = 0; index < this.#next; index++) if (!used.has(index)) this.#add(index);
    this.#usedBelow = limit;
  }

  /** The lowest free one, and whether it was in use before; undefined where none is left. */
  take(transaction: Transaction): { readonly index: number; readonly isUsed: boolean } | undefined {
    const known = this.#lowest();
    const index = known ?? this.#next;
    if (index >= this.limit) return undefined;
    if (known === undefined) this.#next += 1;
    else this.#free.delete(known);
    transaction.onFailure(() => this.#add(index));
    return { index, isUsed: known !== undefined || index < this.#usedBelow };
  }

  /** Takes one back. */
  release(transaction: Transaction, index: number): void {
    this.#add(index);
    transaction.onFailure(() => this.#free.delete(index));
  }

  #lowest(): number | undefined {
    if (this.#free.size === 0) return undefined;
    for (;;) {
      const [lowest] = this.#heap;
      if (lowest === undefined || this.#free.has(lowest)) return lowest;
      this.#dropLowest();
    }
  }

  #add(index: number): void {
    this.#free.add(index);
    const heap = this.#heap;
    let at = heap.push(index) - 1;
    for (let above = (at - 1) >> 1; at > 0 && (heap[above] as number) > index; above = (at - 1) >> 1) {
      heap[at] = heap[above] as number;
      at = above;
    }
    heap[at] = index;
  }

  #dropLowest(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      if ((heap[below + 1] ?? Infinity) < (heap[below] as number)) below += 1;
      if ((heap[below] as number) >= last) break;
      heap[at] = heap[below] as number;
      at = below;
    }
    heap[at] = last;
  }
}
