// Walks over the values of a table by index, as they are: decoding each would cost more than all that is done with
// them.

import type { Dataplane } from "./dataplane.ts";

/** Entries read with one call. */
const READ_BATCH = 4096;
/** Of an index. */
const KEY_BYTES = 4;

/** Takes an index, and where in `view` its value begins, and how long it is (for each CPU one, if so). */
export type UseValue = (index: number, view: DataView, at: number, size: number) => void;

/** Calls `use` for each index below `end`. */
export function eachValue(
  map: Pick<Dataplane["maps"]["loads"], "batches">,
  use: UseValue,
  { end }: { readonly end: number },
): void {
  const steps = inBatches(map, use, { end });
  while (steps.next().done !== true);
}

/** The same, with a pause wherever it can be interrupted: a hundred thousand values take some ten milliseconds. */
export function* inBatches(
  map: Pick<Dataplane["maps"]["loads"], "batches">,
  use: UseValue,
  { end }: { readonly end: number },
): Generator<void> {
  if (end <= 0) return;
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
