// Walking a map, whole or in parts: in batches where the kernel knows them, else key by key.

import { type FileDescriptor, mapGetNextKey, mapLookup, mapLookupBatch } from "@yardmaster/linux";
import type { MapPart, MapSpec, RawBatch } from "../spec.ts";
import { ObjectError } from "./errors.ts";
import { isBatched, wireValueSize } from "./map-kind.ts";

/** A hash walk's token is a bucket number of 4 bytes, any other's is a key. */
const MIN_TOKEN_SIZE = 8;

/** All entries of a map, at most `batchSize` at a time unless a hash bucket holds more. */
export function walkMap(map: FileDescriptor, spec: MapSpec, batchSize: number): IterableIterator<RawBatch> {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`reading ${map.what} in batches: a batch size of ${batchSize} is not 1 or more`);
  }
  return isBatched(spec) ? walkInBatches(map, spec, batchSize) : walkByKey(map, spec, batchSize);
}

function* walkInBatches(map: FileDescriptor, spec: MapSpec, batchSize: number): IterableIterator<RawBatch> {
  const reader = new BatchReader(map, spec, Math.min(batchSize, spec.maxEntries));
  let from: Uint8Array | undefined;
  let to: Uint8Array = reader.token();
  for (;;) {
    const { isEnd, ...batch } = reader.read({ from, to });
    if (batch.count > 0) yield batch;
    if (isEnd) return;
    [from, to] = [to, from ?? reader.token()];
  }
}

/**
 * See BpfMap: the places of a hash table are its buckets (__htab_map_lookup_and_delete_batch, kernel/bpf/hashtab.c).
 */
export function readParts(map: FileDescriptor, spec: MapSpec, room: number): (from: number) => MapPart {
  if (spec.type !== "hash" || !Number.isInteger(room) || room < 1) {
    throw new ObjectError("YM_MAP_USE", `reading ${map.what} in parts of ${room}: it is a ${spec.type}`);
  }
  const reader = new BatchReader(map, spec, Math.min(room, spec.maxEntries));
  const [from, to] = [reader.token(), reader.token()];
  const numberOf = ({ buffer }: Uint8Array) => new DataView(buffer);
  return (place) => {
    numberOf(from).setUint32(0, place, true);
    const { isEnd, ...batch } = reader.read({ from, to });
    return { ...batch, next: isEnd ? undefined : numberOf(to).getUint32(0, true) };
  };
}

/** Reads batches into arrays that it keeps, and makes larger where a bucket asks for it. */
class BatchReader {
  readonly #map: FileDescriptor;
  readonly #spec: MapSpec;
  #room: number;
  #keys: Uint8Array;
  #values: Uint8Array;

  constructor(map: FileDescriptor, spec: MapSpec, room: number) {
    this.#map = map;
    this.#spec = spec;
    this.#room = room;
    this.#keys = new Uint8Array(room * spec.key.size);
    this.#values = new Uint8Array(room * wireValueSize(spec));
  }

  /** Room for where a batch begins or ends. */
  token(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(Math.max(MIN_TOKEN_SIZE, this.#spec.key.size));
  }

  /** Reads on at `from` (undefined: the beginning), and writes to `to` where it came to. */
  read(tokens: { readonly from: Uint8Array | undefined; readonly to: Uint8Array }): RawBatch & { isEnd: boolean } {
    for (;;) {
      const [keys, values] = [this.#keys, this.#values];
      const { state, count } = mapLookupBatch(this.#map, { keys, values, count: this.#room }, tokens);
      if (state !== "grow") return { count, keys, values, isEnd: state === "end" };
      // A bucket cannot hold more than the map, and LRU maps keep a few entries beyond their size.
      if (this.#room > 2 * this.#spec.maxEntries) {
        const problem = `a bucket of more than ${this.#room} entries cannot be`;
        throw new ObjectError("YM_MAP_USE", `reading ${this.#map.what}: ${problem}`);
      }
      this.#room *= 2;
      this.#keys = new Uint8Array(this.#room * this.#spec.key.size);
      this.#values = new Uint8Array(this.#room * wireValueSize(this.#spec));
    }
  }
}

function* walkByKey(map: FileDescriptor, spec: MapSpec, batchSize: number): IterableIterator<RawBatch> {
  const { size } = spec.key;
  const valueSize = wireValueSize(spec);
  const keys = new Uint8Array(batchSize * size);
  const values = new Uint8Array(batchSize * valueSize);
  let previous: Uint8Array | undefined;
  let next: Uint8Array = new Uint8Array(size);
  let count = 0;
  // Bounded: when the key it stands at is deleted, a walk begins again at the first key.
  for (let seen = 0; seen < spec.maxEntries && mapGetNextKey(map, previous, next); seen += 1) {
    const value = values.subarray(count * valueSize, (count + 1) * valueSize);
    if (mapLookup(map, next, value)) {
      keys.set(next, count * size);
      count += 1;
    }
    if (count === batchSize) {
      yield { count, keys, values };
      count = 0;
    }
    [previous, next] = [next, previous ?? new Uint8Array(size)];
  }
  if (count > 0) yield { count, keys, values };
}
