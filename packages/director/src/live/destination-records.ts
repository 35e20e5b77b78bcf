// What programs know of each destination, as it was written last: what would be written once more is seen without asking
// the kernel.

import { Destination } from "@yardmaster/dataplane";
import type { BpfMap, JsOf } from "@yardmaster/ebpf";
import type { MadeMaps } from "../kernel/live-maps.ts";
import type { Ground } from "./pool.ts";
import type { Transaction } from "./transaction.ts";

/** The map of destinations, by index. Nothing was written to it before. */
export class DestinationRecords implements Disposable {
  readonly #map: BpfMap<number, Uint8Array>;
  #written: Uint8Array;

  constructor({ host, made }: Pick<Ground, "host"> & { readonly made: Pick<MadeMaps, "live"> }) {
    const { destinations } = made.live;
    const { size } = Destination;
    const asBytes = { size, encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes.slice(0, size) };
    this.#map = host.reopenMap(destinations as unknown as BpfMap, { ...destinations.spec, value: asBytes });
    this.#written = new Uint8Array(FEWEST * size);
  }

  /** Writes a record, unless it says that already. */
  write(transaction: Transaction, index: number, record: JsOf<typeof Destination>): void {
    const known = this.#at(index);
    const bytes = Destination.encode(record);
    if (Buffer.compare(known, bytes) === 0) return;
    const before = known.slice();
    transaction.replace(this.#map, index, before, bytes);
    known.set(bytes);
    transaction.onFailure(() => this.#at(index).set(before));
  }

  /** A record as it was written last. */
  read(index: number): JsOf<typeof Destination> {
    return Destination.decode(this.#at(index).slice());
  }

  [Symbol.dispose](): void {
    this.#map.close();
  }

  #at(index: number): Uint8Array {
    const { size } = Destination;
    const end = (index + 1) * size;
    if (end > this.#written.length) {
      const longer = new Uint8Array(Math.max(end, 2 * this.#written.length));
      longer.set(this.#written);
      this.#written = longer;
    }
    return this.#written.subarray(end - size, end);
  }
}

/** Destinations that there is room for from the start. */
const FEWEST = 64;
