// Services and their tables as values that are exchanged whole: each change makes a new one beside the one in use, and
// programs see the one or the other.

import type { BalancerMaps } from "@yardmaster/dataplane";
import type { BpfHost, BpfMap } from "@yardmaster/ebpf";
import type { MadeMaps } from "../kernel/live-maps.ts";
import type { ServiceRecord } from "./records.ts";
import { ServiceRecords } from "./service-records.ts";
import type { Transaction } from "./transaction.ts";

/** The table of a scheduler that has one. */
interface Table {
  readonly map: BpfMap;
  readonly content: Uint32Array;
}

/** What they are to see. */
export interface Publication {
  readonly record: Omit<ServiceRecord, "position" | "tableLength">;
  readonly table: Uint32Array | undefined;
  /** Where the scheduler stands then, given where it stands now. */
  readonly position: (before: bigint) => bigint;
}

/** Services and their tables, by the index of the service. */
export class Publications implements Disposable {
  readonly #host: BpfHost;
  readonly #outer: MadeMaps["live"]["tables"];
  readonly #slots: BalancerMaps["inner"]["slots"];
  readonly #records: ServiceRecords;
  readonly #tables = new Map<number, Table>();

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
    const made = this.#makeTable(transaction, before, table);
    // No program may look for a slot in a table that is shorter than its service says.
    const isShorter = (table?.length ?? 0) < (before?.content.length ?? 0);
    if (!isShorter) this.#putTable(transaction, index, made);
    this.#records.publish(transaction, index, (known) => ({
      ...record,
      position: position(known?.position ?? 0n),
      tableLength: table?.length ?? 0,
    }));
    if (isShorter) this.#putTable(transaction, index, made);
  }

  /** Takes a service out. */
  remove(transaction: Transaction, index: number): void {
    this.#records.remove(transaction, index);
    this.#putTable(transaction, index, undefined);
  }

  [Symbol.dispose](): void {
    for (const { map } of this.#tables.values()) map.close();
    this.#tables.clear();
  }

  #makeTable(transaction: Transaction, before: Table | undefined, content: Uint32Array | undefined): Table | undefined {
    if (content === undefined) return undefined;
    if (before !== undefined && Buffer.compare(bytesOf(before.content), bytesOf(content)) === 0) return before;
    const map = this.#host.createMap({ ...this.#slots.spec, maxEntries: content.length });
    transaction.onFailure(() => map.close());
    map.updateBatch(Array.from(content, (value, slot) => [slot, value] as const));
    return { map: map as BpfMap, content };
  }

  #putTable(transaction: Transaction, index: number, after: Table | undefined): void {
    const before = this.#tables.get(index);
    if (before === after) return;
    transaction.flush();
    const put = (table: Table | undefined): void => {
      if (table === undefined) this.#outer.delete(index);
      else this.#outer.updateInner(index, table.map);
    };
    put(after);
    transaction.onFailure(() => put(before));
    transaction.set(this.#tables, index, after);
    transaction.onSuccess(() => before?.map.close());
  }
}

function bytesOf(content: Uint32Array): Uint8Array {
  return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
}
