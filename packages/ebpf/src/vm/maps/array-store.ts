// Arrays: every index exists from the start and none can be deleted (kernel/bpf/arraymap.c). A device
// map is an array too, except that an index without device counts as absent (kernel/bpf/devmap.c).

import { E2BIG, EEXIST, EINVAL, ENOENT, indexOf, NOEXIST, type Store } from "./store.ts";
import type { ValueArea } from "./value-area.ts";

/** Slot n is index n. */
export class ArrayStore implements Store {
  readonly values: ValueArea;
  readonly #length: number;

  constructor(values: ValueArea, length: number) {
    this.values = values;
    this.#length = length;
    values.reserve(length);
    for (let index = 0; index < length; index++) values.allocate();
  }

  find(key: Uint8Array): number {
    const index = indexOf(key);
    return index < this.#length ? index : -1;
  }

  claim(key: Uint8Array, flags: number): number {
    if (flags > 2) return -EINVAL;
    const index = indexOf(key);
    if (index >= this.#length) return -E2BIG;
    return flags === NOEXIST ? -EEXIST : index;
  }

  remove(_key: Uint8Array): number {
    return -EINVAL;
  }

  *entries(): Iterable<readonly [Uint8Array, number]> {
    for (let index = 0; index < this.#length; index++) yield [keyOf(index), index];
  }
}

/** An array whose entries come and go: device maps and arrays of maps. */
export class SparseArrayStore implements Store {
  readonly values: ValueArea;
  readonly #array: ArrayStore;
  readonly #present: Uint8Array;

  constructor(values: ValueArea, length: number) {
    this.values = values;
    this.#array = new ArrayStore(values, length);
    this.#present = new Uint8Array(length);
  }

  find(key: Uint8Array): number {
    const slot = this.#array.find(key);
    return this.#present[slot] === 1 ? slot : -1;
  }

  claim(key: Uint8Array, flags: number): number {
    const slot = this.#array.claim(key, flags);
    if (slot >= 0) this.#present[slot] = 1;
    return slot;
  }

  remove(key: Uint8Array): number {
    const slot = this.#array.find(key);
    if (slot < 0) return -EINVAL;
    if (this.#present[slot] === 0) return -ENOENT;
    this.#present[slot] = 0;
    this.values.bytes(slot).fill(0);
    return 0;
  }

  *entries(): Iterable<readonly [Uint8Array, number]> {
    for (const [key, slot] of this.#array.entries()) {
      if (this.#present[slot] === 1) yield [key, slot];
    }
  }
}

function keyOf(index: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, true);
  return key;
}
