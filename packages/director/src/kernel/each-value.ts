// Walks over the values of a table by index, as they are: decoding each would cost more than all that is done with
// them.

import type { Dataplane } from "./dataplane.ts";

/** Entries read with one call. */
const READ_BATCH = 4096;
/** Of an index. */
const KEY_BYTES = 4;

type Use = (index: number, view: DataView, at: number, size: number) => void;
type Table = Pick<Dataplane["maps"]["loads"], "batches">;

/**
 * Calls `use` with each index below `end` (default: all) and where in `view` its value begins, and how long it is (for
 * each CPU one, if so).
 */
export function eachValue(map: Table, use: Use, options: { readonly end?: number } = {}): void {
  for (const _piece of eachValueInPieces(map, use, options));
}

/** The same, with a pause after each call to the kernel. */
export function* eachValueInPieces(
  map: Table,
  use: Use,
  { end = Infinity }: { readonly end?: number } = {},
): Generator<void, void> {
  for (const { count, keys, values } of map.batches(READ_BATCH)) {
    const indexes = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    const size = values.length / (keys.length / KEY_BYTES);
    for (let at = 0; at < count; at++) {
      const index = indexes.getUint32(at * KEY_BYTES, true);
      // In an array they come in order.
      if (index >= end) return;
      use(index, view, at * size, size);
    }
    yield;
  }
}
