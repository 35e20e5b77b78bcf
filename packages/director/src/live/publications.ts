// Services and their tables as values that are exchanged whole: each change makes a new one beside the one in use, and
// programs see the one or the other.

import type { BalancerMaps } from "@yardmaster/dataplane";
import type { BpfHost, BpfMap } from "@yardmaster/ebpf";
import type { MadeMaps } from "../kernel/live-maps.ts";
import type { ServiceRecord } from "./records.ts";
import { ServiceRecords } from "./service-records.ts";
import type { Transaction } from "./transaction.ts";

/** What they are to see. */
export interface Publication {
  readonly record: Omit<ServiceRecord, "position" | "tableLength">;
  readonly table: Uint32Array | undefined;
  /** Where the scheduler stands then, given where it stands now. */
  readonly position: (before: bigint) => bigint;
}

/** Services and their tables, by the index of the service. */
export class Publications {
  readonly #host: BpfHost;
  readonly #outer: MadeMaps["live"]["tables"];
  readonly #slots: BalancerMaps["inner"]["slots"];
  readonly #records: ServiceRecords;
  /** What they say. Their maps belong to the map of them alone: a descriptor for each would be thousands. */
  readonly #tables = new Map<number, Uint32Array>();
  /** Tables that are not put where programs look for them yet: see `together`. */
  #waiting: Map<number, BpfMap> | undefined;

  constructor(host: BpfHost, { live, definitions }: MadeMaps) {
    this.#host = host;
    this.#outer = live.tables;
    this.#slots = definitions.inner.slots;
    this.#records = new ServiceRecords(host, live);
  }

  /** What programs see of a service now. */
  recordOf(index: number): ServiceRecord | undefined {
    return this.#records.recordOf(index);
  }

  /** Makes programs see a service so. */
  publish(transaction: Transaction, index: number, { record, table, position }: Publication): void {
    const before = this.#tables.get(index);
    // No program may look for a slot in a table that is shorter than its service says.
    const isShorter = (table?.length ?? 0) < (before?.length ?? 0);
    if (!isShorter) this.#putTable(transaction, index, table);
    this.#records.publish(transaction, index, (known) => ({
      ...record,
      position: position(known?.position ?? 0n),
      tableLength: table?.length ?? 0,
    }));
    if (isShorter) this.#putTable(transaction, index, table);
  }

  /** Takes a service out. */
  remove(transaction: Transaction, index: number): void {
    this.#records.remove(transaction, index);
    this.#putTable(transaction, index, undefined);
  }

  /**
   * Runs `publish` while no packets come to the programs: what it publishes has its tables in their places when it
   * ends. The kernel waits for programs with each that is put there alone, some ten milliseconds.
   */
  together(publish: () => void): void {
    using waiting = new Waiting();
    this.#waiting = waiting.tables;
    try {
      publish();
      this.#outer.updateInners([...waiting.tables]);
    } finally {
      this.#waiting = undefined;
    }
  }

  #putTable(transaction: Transaction, index: number, after: Uint32Array | undefined): void {
    const before = this.#tables.get(index);
    if (isSameTable(before, after)) return;
    transaction.flush();
    this.#put(index, after);
    transaction.onFailure(() => this.#put(index, before));
    transaction.set(this.#tables, index, after);
  }

  #put(index: number, content: Uint32Array | undefined): void {
    this.#waiting?.get(index)?.close();
    const isWaiting = this.#waiting?.delete(index) === true;
    if (content === undefined) {
      if (!isWaiting) this.#outer.delete(index);
      return;
    }
    const map = this.#host.createMap({ ...this.#slots.spec, maxEntries: content.length });
    try {
      map.writeWords(content);
      if (this.#waiting === undefined) this.#outer.updateInner(index, map as BpfMap);
      else this.#waiting.set(index, map as BpfMap);
    } finally {
      if (this.#waiting?.has(index) !== true) map.close();
    }
  }
}

/** Tables by the index of their service, closed in the end: the map of them keeps those that it has. */
class Waiting implements Disposable {
  readonly tables = new Map<number, BpfMap>();

  [Symbol.dispose](): void {
    for (const map of this.tables.values()) map.close();
  }
}

function isSameTable(a: Uint32Array | undefined, b: Uint32Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(bytesOf(a), bytesOf(b)) === 0);
}

function bytesOf(content: Uint32Array): Uint8Array {
  return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
}
