// What a table held, in a few bytes an entry: enough to tell later what has come, changed and gone, where keeping the
// entries themselves would take hundreds of megabytes for a million of them.

import { randomInt } from "node:crypto";
import type { RawBatch } from "@yardmaster/ebpf";

/** Of a slot: two words of the key's fingerprint, and one of the value's, whose lowest bit says that it was met. */
const SLOT_WORDS = 3;
const MET = 1;
/** Shards by bits of the key's fingerprint: when one grows, the others need no room twice. */
const SHARD_BITS = 6;
const FIRST_SLOTS = 16;

/** Fingerprints of entries by their keys. Equal for different keys once in 2^64, for different values in 2^31. */
export class Fingerprints {
  readonly #keySize: number;
  readonly #valueSize: number;
  readonly #seed = randomInt(2 ** 32);
  readonly #shards = Array.from({ length: 1 << SHARD_BITS }, () => new Shard());
  #left = 0;

  /** Sizes in bytes. */
  constructor({ key, value }: { readonly key: { readonly size: number }; readonly value: { readonly size: number } }) {
    this.#keySize = key.size;
    this.#valueSize = value.size;
  }

  /** Notes an entry. */
  note(batch: RawBatch, at: number): void {
    const { high, low } = this.#keyPrint(batch.keys, at);
    const isNew = shardOf(this.#shards, high).put(high, low, this.ofValue(batch.values, at));
    if (isNew) this.#left += 1;
  }

  /** The fingerprint of the value that was noted for a key, which counts as met from now on; undefined: none was. */
  meet(batch: RawBatch, at: number): number | undefined {
    const { high, low } = this.#keyPrint(batch.keys, at);
    const shard = shardOf(this.#shards, high);
    const slot = shard.find(high, low);
    if (slot === undefined) return undefined;
    const found = shard.valueAt(slot);
    if ((found & MET) === 0) {
      shard.meet(slot);
      this.#left -= 1;
    }
    return (found & ~MET) >>> 0;
  }

  /** How many were noted and have not been met. */
  get left(): number {
    return this.#left;
  }

  /** The same of a key that was noted and has not been met; undefined: it is none of those. */
  ofLeft(batch: RawBatch, at: number): number | undefined {
    const { high, low } = this.#keyPrint(batch.keys, at);
    const shard = shardOf(this.#shards, high);
    const slot = shard.find(high, low);
    if (slot === undefined || (shard.valueAt(slot) & MET) !== 0) return undefined;
    return shard.valueAt(slot);
  }

  /** Of the value at an index. */
  ofValue(values: Uint8Array, at: number): number {
    return (hash(values, at * this.#valueSize, this.#valueSize, this.#seed) & ~MET) >>> 0;
  }

  #keyPrint(keys: Uint8Array, at: number): { readonly high: number; readonly low: number } {
    const from = at * this.#keySize;
    const low = hash(keys, from, this.#keySize, this.#seed);
    // An empty slot is all zeros.
    return { high: hash(keys, from, this.#keySize, ~this.#seed ^ low), low: low === 0 ? 1 : low };
  }
}

function shardOf(shards: readonly Shard[], high: number): Shard {
  return shards[high >>> (32 - SHARD_BITS)] as Shard;
}

/** A table of slots, searched from where the fingerprint says on. */
class Shard {
  #slots = FIRST_SLOTS;
  #words = new Uint32Array(FIRST_SLOTS * SLOT_WORDS);
  #used = 0;

  /** Whether the key is new. */
  put(high: number, low: number, value: number): boolean {
    if (this.#used * 4 >= this.#slots * 3) this.#grow();
    const at = this.#search(high, low);
    const isNew = this.#words[at + 1] === 0;
    if (isNew) this.#used += 1;
    this.#words.set([high, low, value], at);
    return isNew;
  }

  find(high: number, low: number): number | undefined {
    const at = this.#search(high, low);
    return this.#words[at + 1] === 0 ? undefined : at;
  }

  valueAt(slot: number): number {
    return this.#words[slot + 2] as number;
  }

  meet(slot: number): void {
    this.#words[slot + 2] = (this.valueAt(slot) | MET) >>> 0;
  }

  /** Where a key is, or would be. */
  #search(high: number, low: number): number {
    const words = this.#words;
    for (let slot = low % this.#slots; ; slot = slot + 1 === this.#slots ? 0 : slot + 1) {
      const at = slot * SLOT_WORDS;
      if (words[at + 1] === 0 || (words[at] === high && words[at + 1] === low)) return at;
    }
  }

  #grow(): void {
    const before = this.#words;
    this.#slots = Math.ceil(this.#slots * 1.5);
    this.#words = new Uint32Array(this.#slots * SLOT_WORDS);
    for (let at = 0; at < before.length; at += SLOT_WORDS) {
      const [high = 0, low = 0] = [before[at], before[at + 1]];
      if (low !== 0) this.#words.set(before.subarray(at, at + SLOT_WORDS), this.#search(high, low));
    }
  }
}

/** MurmurHash3's 32 bits (public domain, Austin Appleby), its last bytes one by one. */
function hash(bytes: Uint8Array, from: number, size: number, seed: number): number {
  let state = seed | 0;
  let at = from;
  for (const end = from + size - (size % 4); at < end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    state ^= mixed(word);
    state = (Math.imul((state << 13) | (state >>> 19), 5) + 0xe654_6b64) | 0;
  }
  for (const end = from + size; at < end; at++) state = Math.imul(state ^ mixed(bytes[at] as number), 5);
  state ^= size;
  state = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2_ae35);
  return (state ^ (state >>> 16)) >>> 0;
}

function mixed(word: number): number {
  const product = Math.imul(word, 0xcc9e_2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b87_3593);
}
