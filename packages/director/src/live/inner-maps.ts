// Services and their tables as values that are exchanged whole: each change makes a new one beside the one in use, and
// programs see the one or the other.

import type { BalancerMaps } from "@yardmaster/dataplane";
import type { BpfHost, BpfMap } from "@yardmaster/ebpf";
import type { MadeMaps } from "../kernel/live-maps.ts";
import type { ServiceRecord } from "./records.ts";
import type { Transaction } from "./transaction.ts";

type ServiceMap = BpfMap<number, ServiceRecord>;

/** What programs see of a service. */
interface Published {
  readonly service: ServiceMap;
  readonly table: { readonly map: BpfMap; readonly content: Uint32Array } | undefined;
}

/** What they are to see. */
export interface Publication {
  readonly record: Omit<ServiceRecord, "position" | "tableLength">;
  readonly table: Uint32Array | undefined;
  /** Where the scheduler stands then, given where it stands now. */
  readonly position: (before: bigint) => bigint;
}

/** The inner maps of services and tables, by the index of the service. */
export class InnerMaps implements Disposable {
  readonly #host: BpfHost;
  readonly #outer: Pick<MadeMaps["live"], "services" | "tables">;
  readonly #inner: BalancerMaps["inner"];
  readonly #published = new Map<number, Published>();

  constructor(host: BpfHost, { live, definitions }: MadeMaps) {
    this.#host = host;
    this.#outer = live;
    this.#inner = definitions.inner;
  }

  /** What programs see of a service now. */
  recordOf(index: number): ServiceRecord | undefined {
    return this.#published.get(index)?.service.lookup(0);
  }

  /** Makes programs see a service so. */
  publish(transaction: Transaction, index: number, { record, table, position }: Publication): void {
    const before = this.#published.get(index);
    const made = this.#makeTable(transaction, before, table);
    const service = this.#create(transaction, this.#inner.service.spec as ServiceMap["spec"]);
    // No program may look for a slot in a table that is shorter than its service says.
    const isShorter = (table?.length ?? 0) < (before?.table?.content.length ?? 0);
    if (!isShorter) this.#putTable(transaction, index, before, made);
    const stands = before?.service.lookup(0)?.position ?? 0n;
    service.update(0, { ...record, position: position(stands), tableLength: table?.length ?? 0 });
    this.#put(transaction, this.#outer.services, index, service, before?.service);
    if (isShorter) this.#putTable(transaction, index, before, made);
    transaction.set(this.#published, index, { service, table: made });
    transaction.onSuccess(() => before?.service.close());
  }

  /** Takes a service out. */
  remove(transaction: Transaction, index: number): void {
    const before = this.#published.get(index);
    if (before === undefined) return;
    this.#put(transaction, this.#outer.services, index, undefined, before.service);
    this.#putTable(transaction, index, before, undefined);
    transaction.set(this.#published, index, undefined);
    transaction.onSuccess(() => before.service.close());
  }

  [Symbol.dispose](): void {
    for (const { service, table } of this.#published.values()) {
      service.close();
      table?.map.close();
    }
    this.#published.clear();
  }

  #makeTable(transaction: Transaction, before: Published | undefined, content: Uint32Array | undefined) {
    if (content === undefined) return undefined;
    if (before?.table !== undefined && Buffer.compare(bytesOf(before.table.content), bytesOf(content)) === 0) {
      return before.table;
    }
    const map = this.#create(transaction, { ...this.#inner.slots.spec, maxEntries: content.length });
    map.updateBatch(Array.from(content, (value, slot) => [slot, value] as const));
    return { map: map as BpfMap, content };
  }

  #create<K, V>(transaction: Transaction, spec: BpfMap<K, V>["spec"]): BpfMap<K, V> {
    const map = this.#host.createMap(spec);
    transaction.onFailure(() => map.close());
    return map;
  }

  #putTable(transaction: Transaction, index: number, before: Published | undefined, after: Published["table"]): void {
    if (before?.table === after) return;
    this.#put(transaction, this.#outer.tables, index, after?.map, before?.table?.map);
    transaction.onSuccess(() => before?.table?.map.close());
  }

  /** Puts a map into a map of maps; undefined: none. */
  #put(
    transaction: Transaction,
    outer: BpfMap<number>,
    index: number,
    next: object | undefined,
    before: object | undefined,
  ): void {
    const put = (map: object | undefined): void => {
      if (map === undefined) outer.delete(index);
      else outer.updateInner(index, map as BpfMap);
    };
    put(next);
    transaction.onFailure(() => put(before));
  }
}

function bytesOf(content: Uint32Array): Uint8Array {
  return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
}
