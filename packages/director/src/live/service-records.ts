// What programs know of each service, as one record that is exchanged whole: a new one is written where nobody reads,
// then the service's place leads to it, in one store. The old record's place is given out again when every run of a
// program that may still read it is over; waiting for that is put off until places run short.

import type { BpfHost } from "@yardmaster/ebpf";
import type { LiveMaps } from "../kernel/live-maps.ts";
import type { ServiceRecord } from "./records.ts";
import type { Transaction } from "./transaction.ts";

/** Where nothing stands: what has it is no service. */
const NONE = 0;

/** The records of all services, by the index of the service. */
export class ServiceRecords {
  readonly #host: Pick<BpfHost, "waitForRuns">;
  readonly #places: LiveMaps["services"];
  readonly #records: LiveMaps["serviceRecords"];
  /** Where the record of each service stands. */
  readonly #published = new Map<number, number>();
  /** Places that nobody reads. */
  readonly #free: number[] = [];
  /** Places that some run may still read. */
  #retired: number[] = [];
  /** The first that was never given out. */
  #next = NONE + 1;

  constructor(host: Pick<BpfHost, "waitForRuns">, maps: Pick<LiveMaps, "services" | "serviceRecords">) {
    this.#host = host;
    this.#places = maps.services;
    this.#records = maps.serviceRecords;
  }

  /** What programs see of a service now. */
  recordOf(index: number): ServiceRecord | undefined {
    const place = this.#published.get(index);
    return place === undefined ? undefined : this.#records.lookup(place);
  }

  /** Makes programs see what `make` gives for what they see now. */
  publish(transaction: Transaction, index: number, make: (before: ServiceRecord | undefined) => ServiceRecord): void {
    transaction.flush();
    const place = this.#take();
    const before = this.recordOf(index);
    try {
      this.#records.update(place, make(before));
    } catch (error) {
      this.#free.push(place);
      throw error;
    }
    this.#lead(index, place);
    transaction.onFailure(() => this.#putBack(index, before));
  }

  /** Makes programs see no such service. */
  remove(transaction: Transaction, index: number): void {
    transaction.flush();
    const before = this.recordOf(index);
    if (before === undefined) return;
    this.#lead(index, undefined);
    transaction.onFailure(() => this.#putBack(index, before));
  }

  #putBack(index: number, before: ServiceRecord | undefined): void {
    // Where a scheduler stands by now counts.
    const now = this.recordOf(index);
    const place = before === undefined ? undefined : this.#take();
    if (before !== undefined && place !== undefined) {
      this.#records.update(place, { ...before, position: now?.position ?? before.position });
    }
    this.#lead(index, place);
  }

  #lead(index: number, place: number | undefined): void {
    const former = this.#published.get(index);
    this.#places.exchange(index, { record: place ?? NONE });
    if (place === undefined) this.#published.delete(index);
    else this.#published.set(index, place);
    if (former !== undefined) this.#retired.push(former);
  }

  #take(): number {
    const known = this.#free.pop();
    if (known !== undefined) return known;
    if (this.#next < this.#records.spec.maxEntries) return this.#next++;
    this.#host.waitForRuns();
    this.#free.push(...this.#retired.splice(0));
    const place = this.#free.pop();
    if (place === undefined) throw new Error("there are more services than the map of services has room for");
    return place;
  }
}
