// Walking a whole map: in batches where the kernel knows them, else key by key.

import { type FileDescriptor, mapGetNextKey, mapLookup, mapLookupBatch } from "@yardmaster/linux";
import type { MapSpec } from "../spec.ts";
import { ObjectError } from "./errors.ts";
import { isBatched, wireValueSize } from "./map-kind.ts";

/** Entries as raw bytes, packed one after another. The arrays are reused between batches. */
export interface RawBatch {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

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
  const valueSize = wireValueSize(spec);
  let room = Math.min(batchSize, spec.maxEntries);
  let keys = new Uint8Array(room * spec.key.size);
  let values = new Uint8Array(room * valueSize);
  let from: Uint8Array | undefined;
  let to: Uint8Array = new Uint8Array(Math.max(MIN_TOKEN_SIZE, spec.key.size));
  for (;;) {
    const { state, count } = mapLookupBatch(map, { keys, values, count: room }, { from, to });
    if (state === "grow") {
      // A bucket cannot hold more than the map, and LRU maps keep a few entries beyond their size.
      if (room > 2 * spec.maxEntries) {
        throw new ObjectError("YM_MAP_USE", `reading ${map.what}: a bucket of more than ${room} entries cannot be`);
      }
      room *= 2;
      keys = new Uint8Array(room * spec.key.size);
      values = new Uint8Array(room * valueSize);
      continue;
    }
    if (count > 0) yield { count, keys, values };
    if (state === "end") return;
    [from, to] = [to, from ?? new Uint8Array(to.length)];
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
