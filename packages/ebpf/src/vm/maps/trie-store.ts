// Longest-prefix tables (kernel/bpf/lpm_trie.c). A key is a prefix length as u32 and the address in
// network order. A lookup tries the prefix lengths in use from the longest down, which is plenty for
// an interpreter.

import { EEXIST, EINVAL, ENOENT, ENOSPC, EXIST, NOEXIST, indexOf, type Store } from "./store.ts";
import { textOf } from "./hash-store.ts";
import type { ValueArea } from "./value-area.ts";

interface Entry {
  readonly key: Uint8Array;
  readonly slot: number;
}

export class TrieStore implements Store {
  readonly values: ValueArea;
  readonly #maxEntries: number;
  /** By prefix length, then by the masked address. */
  readonly #levels = new Map<number, Map<string, Entry>>();
  #count = 0;

  constructor(values: ValueArea, maxEntries: number) {
    this.values = values;
    this.#maxEntries = maxEntries;
  }

  find(key: Uint8Array): number {
    const longest = indexOf(key);
    if (longest > bitsOf(key)) return -1;
    const lengths = [...this.#levels.keys()].filter((length) => length <= longest);
    for (const length of lengths.sort((a, b) => b - a)) {
      const entry = this.#levels.get(length)?.get(maskedText(key, length));
      if (entry !== undefined) return entry.slot;
    }
    return -1;
  }

  claim(key: Uint8Array, flags: number): number {
    const length = indexOf(key);
    if (flags > 2 || length > bitsOf(key)) return -EINVAL;
    const text = maskedText(key, length);
    const level = this.#levels.get(length) ?? new Map<string, Entry>();
    const old = level.get(text);
    if (old === undefined) {
      if (flags === EXIST) return -ENOENT;
      if (this.#count >= this.#maxEntries) return -ENOSPC;
      this.#count += 1;
    } else {
      if (flags === NOEXIST) return -EEXIST;
      this.values.release(old.slot);
    }
    const slot = this.values.allocate();
    level.set(text, { key: new Uint8Array(key), slot });
    this.#levels.set(length, level);
    return slot;
  }

  remove(key: Uint8Array): number {
    const length = indexOf(key);
    if (length > bitsOf(key)) return -EINVAL;
    const level = this.#levels.get(length);
    const text = maskedText(key, length);
    const entry = level?.get(text);
    if (level === undefined || entry === undefined) return -ENOENT;
    level.delete(text);
    if (level.size === 0) this.#levels.delete(length);
    this.#count -= 1;
    this.values.release(entry.slot);
    return 0;
  }

  *entries(): Iterable<readonly [Uint8Array, number]> {
    const all = [...this.#levels.values()].flatMap((level) => [...level.values()]);
    for (const { key, slot } of all) yield [key, slot];
  }
}

/** How long a prefix of the address in `key` can be. */
function bitsOf(key: Uint8Array): number {
  return (key.length - 4) * 8;
}

/** The address part of `key` with all but the first `length` bits zero. */
function maskedText(key: Uint8Array, length: number): string {
  const address = new Uint8Array(key.subarray(4));
  const whole = length >> 3;
  if (whole < address.length) {
    address[whole] = (address[whole] as number) & (0xff00 >> (length & 7));
    address.fill(0, whole + 1);
  }
  return textOf(address);
}
