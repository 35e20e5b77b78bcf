// Places in maps that are arrays: given out from the lowest, taken back, given out again.

import type { Transaction } from "./transaction.ts";

/** Indexes below a limit. */
export class Indexes {
  readonly limit: number;
  readonly #free = new Set<number>();
  /** The lowest that was never given out. */
  #next = 0;
  /** Whether those that were never given out here may have been elsewhere. */
  #mayBeUsed = false;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** How many are in use. */
  get used(): number {
    return this.#next - this.#free.size;
  }

  /** Holds the places of a former data plane: these are in use, and any other may have been. */
  inherit(used: ReadonlySet<number>): void {
    for (const index of used) this.#next = Math.max(this.#next, index + 1);
    for (let index = 0; index < this.#next; index++) if (!used.has(index)) this.#free.add(index);
    this.#mayBeUsed = true;
  }

  /** The lowest free one, and whether it was in use before; undefined where none is left. */
  take(transaction: Transaction): { readonly index: number; readonly isUsed: boolean } | undefined {
    const known = this.#free.size === 0 ? undefined : Math.min(...this.#free);
    const index = known ?? this.#next;
    if (index >= this.limit) return undefined;
    if (known === undefined) this.#next += 1;
    else this.#free.delete(known);
    transaction.onFailure(() => this.#free.add(index));
    return { index, isUsed: known !== undefined || this.#mayBeUsed };
  }

  /** Takes one back. */
  release(transaction: Transaction, index: number): void {
    this.#free.add(index);
    transaction.onFailure(() => this.#free.delete(index));
  }
}
