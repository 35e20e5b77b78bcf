// What programs know of each destination, as it was written last: what would be written once more is seen without
// asking the kernel.

import { Destination } from "@yardmaster/dataplane";
import type { BpfMap, JsOf } from "@yardmaster/ebpf";
import type { MadeMaps } from "../kernel/live-maps.ts";
import type { Ground } from "./pool.ts";
import type { Transaction } from "./transaction.ts";

/** Destinations that there is room for from the start. */
const FEWEST = 64;

/** The map of destinations, by index. Nothing was written to it before. */
export class DestinationRecords implements Disposable {
  readonly #ground: Pick<Ground, "host"> & { readonly made: Pick<MadeMaps, "live"> };
  /** Opened when it is first written to. */
  #map: BpfMap<number, Uint8Array> | undefined;
  #written = new Uint8Array(FEWEST * Destination.size);

  constructor(ground: Pick<Ground, "host"> & { readonly made: Pick<MadeMaps, "live"> }) {
    this.#ground = ground;
  }

  /** Writes a record, unless it says that already. */
  write(transaction: Transaction, index: number, record: JsOf<typeof Destination>): void {
    const known = this.#at(index);
    const bytes = Destination.encode(record);
    if (Buffer.compare(known, bytes) === 0) return;
    const before = known.slice();
    transaction.replace((this.#map ??= this.#open()), index, before, bytes);
    known.set(bytes);
    transaction.onFailure(() => this.#at(index).set(before));
  }

  [Symbol.dispose](): void {
    this.#map?.close();
  }

  /** Keys and values as bytes: what is compared and what is written is encoded once. */
  #open(): BpfMap<number, Uint8Array> {
    const { host, made } = this.#ground;
    const { destinations } = made.live;
    const { size } = Destination;
    const asBytes = { size, encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes.slice(0, size) };
    return host.reopenMap(destinations as unknown as BpfMap, { ...destinations.spec, value: asBytes });
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
