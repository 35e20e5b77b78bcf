// Hash tables, with and without eviction. As in the kernel (kernel/bpf/hashtab.c) an update puts a new
// element in the place of the old one, so a program that holds a pointer to the old value keeps seeing
// the old value; only per-CPU values are overwritten where they are.

import { E2BIG, EEXIST, EINVAL, ENOENT, EXIST, NOEXIST, type Store } from "./store.ts";
import type { ValueArea } from "./value-area.ts";

export interface HashOptions {
  readonly maxEntries: number;
  /** A full table drops the entry used longest ago; the kernel is less exact about which. */
  readonly evicts: boolean;
  readonly isPerCpu: boolean;
}

export class HashStore implements Store {
  readonly values: ValueArea;
  readonly #options: HashOptions;
  /** By key as latin1 text; in order of use where the table evicts, else of their places. */
  readonly #slots = new Map<string, number>();
  /** By slot: how many keys came before. An element that replaces another has its place. */
  readonly #places: number[] = [];
  #nextPlace = 0;

  constructor(values: ValueArea, options: HashOptions) {
    this.values = values;
    this.#options = options;
  }

  find(key: Uint8Array): number {
    const text = textOf(key);
    const slot = this.#slots.get(text);
    if (slot === undefined) return -1;
    if (this.#options.evicts) {
      this.#slots.delete(text);
      this.#slots.set(text, slot);
    }
    return slot;
  }

  claim(key: Uint8Array, flags: number): number {
    if (flags > 2) return -EINVAL;
    const text = textOf(key);
    const old = this.#slots.get(text);
    if (old === undefined) return flags === EXIST ? -ENOENT : this.#insert(text);
    if (flags === NOEXIST) return -EEXIST;
    if (this.#options.isPerCpu) return old;
    this.values.release(old);
    if (this.#options.evicts) this.#slots.delete(text);
    return this.#put(text, this.#places[old] ?? 0);
  }

  remove(key: Uint8Array): number {
    const text = textOf(key);
    const slot = this.#slots.get(text);
    if (slot === undefined) return -ENOENT;
    this.#slots.delete(text);
    this.values.release(slot);
    return 0;
  }

  *entries(): Iterable<readonly [Uint8Array, number]> {
    for (const text of [...this.#slots.keys()]) {
      const slot = this.#slots.get(text);
      if (slot !== undefined) yield [Buffer.from(text, "latin1"), slot];
    }
  }

  *entriesFrom(from: number): Iterable<readonly [Uint8Array, number, number]> {
    for (const [text, slot] of this.#slots) {
      const place = this.#places[slot] ?? 0;
      if (place >= from) yield [Buffer.from(text, "latin1"), slot, place];
    }
  }

  #insert(text: string): number {
    if (this.#slots.size >= this.#options.maxEntries) {
      const [oldest] = this.#slots.keys();
      if (!this.#options.evicts || oldest === undefined) return -E2BIG;
      this.values.release(this.#slots.get(oldest) as number);
      this.#slots.delete(oldest);
    }
    return this.#put(text, this.#nextPlace++);
  }

  #put(text: string, place: number): number {
    const slot = this.values.allocate();
    this.#places[slot] = place;
    this.#slots.set(text, slot);
    return slot;
  }
}

/** The bytes of a key as a text, one character a byte. */
export function textOf(key: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(key, 0, key.length);
}
