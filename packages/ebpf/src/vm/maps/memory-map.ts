// A live map of the memory host: the contract's `BpfMap` on one side, what helpers need on the other,
// both over the same store, so each sees at once what the other writes.

import { exchangeProblem } from "../../exchange.ts";
import type { BpfMap, MapPart, MapSpec, RawBatch, UpdateMode } from "../../spec.ts";
import { createRegion, type Memory, toPointer } from "../memory.ts";
import { VmError } from "../vm-error.ts";
import { assertSameShape } from "./shape.ts";
import { ANY, EEXIST, ENOENT, EXIST, NOEXIST, type Store } from "./store.ts";

const modes: Readonly<Record<UpdateMode, number>> = { any: ANY, create: NOEXIST, replace: EXIST };

export class MemoryMap<K = unknown, V = unknown> implements BpfMap<K, V> {
  readonly spec: MapSpec<K, V>;
  readonly store: Store;
  readonly #memory: Memory;
  readonly #handle: number;
  /** Of a map of maps: the inner map at each slot. */
  readonly #inner = new Map<number, MemoryMap>();
  readonly #original: MemoryMap | undefined;
  #users = 1;
  #isClosed = false;

  /** `original`: the map that the store belongs to, where this is another description of it. */
  constructor(memory: Memory, spec: MapSpec<K, V>, store: Store, original?: MemoryMap) {
    this.#memory = memory;
    this.spec = spec;
    this.store = store;
    this.#original = original;
    original?.retain();
    const region = createRegion(`map "${spec.name}"`, Buffer.alloc(0), { object: this });
    this.#handle = memory.add(region);
  }

  /** What programs hold as the map's address. */
  get pointer(): bigint {
    return toPointer(this.#handle, 0);
  }

  lookup(key: K): V | undefined {
    this.#assertOpen("look up in");
    this.#assertPerCpu("lookup", false);
    const slot = this.store.find(this.spec.key.encode(key));
    return slot < 0 ? undefined : this.#decode(slot, 0);
  }

  lookupPerCpu(key: K): V[] | undefined {
    this.#assertOpen("look up in");
    this.#assertPerCpu("lookupPerCpu", true);
    const slot = this.store.find(this.spec.key.encode(key));
    if (slot < 0) return undefined;
    return Array.from({ length: this.store.values.cpus }, (_, cpu) => this.#decode(slot, cpu));
  }

  /** Of a per-CPU map: every CPU gets `value`. */
  update(key: K, value: V, mode: UpdateMode = "any"): boolean {
    this.#assertOpen("update");
    const bytes = this.spec.value.encode(value);
    const slot = this.store.claim(this.spec.key.encode(key), modes[mode]);
    if (isRefusal(slot)) return false;
    this.#assertSlot(slot, "update");
    const { values } = this.store;
    for (let cpu = 0; cpu < values.cpus; cpu++) values.bytes(slot, cpu).set(bytes);
    return true;
  }

  updatePerCpu(key: K, values: readonly V[]): void {
    this.#assertOpen("update");
    this.#assertPerCpu("updatePerCpu", true);
    const { cpus } = this.store.values;
    if (values.length !== cpus) {
      throw this.#error(`update: ${values.length} values given, one for each of ${cpus} CPUs needed`);
    }
    const encoded = values.map((value) => this.spec.value.encode(value));
    const slot = this.store.claim(this.spec.key.encode(key), ANY);
    this.#assertSlot(slot, "update");
    encoded.forEach((bytes, cpu) => this.store.values.bytes(slot, cpu).set(bytes));
  }

  exchange(key: K, value: V): void {
    const problem = exchangeProblem(this.spec);
    if (problem !== undefined) throw this.#error(`exchange: ${problem}`);
    this.update(key, value);
  }

  writeWords(words: Uint32Array): void {
    const problem = exchangeProblem(this.spec);
    if (problem !== undefined) throw this.#error(`write words: ${problem}`);
    if (words.length > this.spec.maxEntries) throw this.#error(`write words: ${words.length} are more than it has`);
    const keys = new Uint8Array(Uint32Array.from(words, (_, at) => at).buffer);
    const values = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    this.updateRaw({ count: words.length, keys, values });
  }

  updateInners(entries: readonly (readonly [key: K, inner: BpfMap])[]): void {
    for (const [key, inner] of entries) this.updateInner(key, inner);
  }

  updateInner(key: K, inner: BpfMap): void {
    this.#assertOpen("update");
    if (!(inner instanceof MemoryMap)) {
      throw this.#error(`put "${inner.spec.name}" inside: it is of another host`);
    }
    assertSameShape(this.spec, inner.spec);
    const encoded = this.spec.key.encode(key);
    const oldSlot = this.store.find(encoded);
    const old = this.#inner.get(oldSlot);
    const slot = this.store.claim(encoded, ANY);
    this.#assertSlot(slot, "update");
    inner.retain();
    this.#inner.delete(oldSlot);
    this.#inner.set(slot, inner);
    old?.release();
  }

  delete(key: K): boolean {
    this.#assertOpen("delete from");
    const encoded = this.spec.key.encode(key);
    const slot = this.store.find(encoded);
    const result = this.store.remove(encoded);
    if (result === -ENOENT) return false;
    this.#assertSlot(result, "delete");
    this.#inner.get(slot)?.release();
    this.#inner.delete(slot);
    return true;
  }

  *entries(): IterableIterator<[K, V]> {
    this.#assertOpen("read");
    this.#assertPerCpu("entries", false);
    for (const [key, slot] of this.store.entries()) {
      yield [this.spec.key.decode(key), this.#decode(slot, 0)];
    }
  }

  *batches(batchSize: number): IterableIterator<RawBatch> {
    this.#assertOpen("read");
    const { store, spec } = this;
    const isPerCpu = this.#isPerCpu;
    const valueSize = isPerCpu ? store.values.stride * store.values.cpus : spec.value.size;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`read map "${spec.name}": batch size ${batchSize} is not 1 or more`);
    }
    const keys = new Uint8Array(batchSize * spec.key.size);
    const values = new Uint8Array(batchSize * valueSize);
    let count = 0;
    for (const [key, slot] of store.entries()) {
      keys.set(key, count * spec.key.size);
      const each = isPerCpu ? store.values.cpus : 1;
      for (let cpu = 0; cpu < each; cpu++) {
        values.set(store.values.bytes(slot, cpu), count * valueSize + cpu * store.values.stride);
      }
      count += 1;
      if (count === batchSize) {
        yield { count, keys, values };
        count = 0;
      }
    }
    if (count > 0) yield { count, keys, values };
  }

  parts(room: number): (from: number) => MapPart {
    const { store, spec } = this;
    if (spec.type !== "hash" || store.entriesFrom === undefined) throw this.#error("parts: its entries have no places");
    const keys = new Uint8Array(room * spec.key.size);
    const values = new Uint8Array(room * spec.value.size);
    return (from) => {
      this.#assertOpen("read");
      let count = 0;
      for (const [key, slot, place] of store.entriesFrom?.(from) ?? []) {
        if (count === room) return { count, keys, values, next: place };
        keys.set(key, count * spec.key.size);
        values.set(store.values.bytes(slot, 0), count * spec.value.size);
        count += 1;
      }
      return { count, keys, values, next: undefined };
    };
  }

  updateBatch(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.update(key, value);
  }

  updateRaw({ keys, values, count }: RawBatch): void {
    this.#assertOpen("update");
    const { store, spec } = this;
    const { cpus, stride } = store.values;
    const valueSize = this.#isPerCpu ? stride * cpus : spec.value.size;
    for (let at = 0; at < count; at++) {
      const slot = store.claim(keys.slice(at * spec.key.size, (at + 1) * spec.key.size), ANY);
      this.#assertSlot(slot, "update");
      for (let cpu = 0; cpu < cpus; cpu++) {
        const from = at * valueSize + (this.#isPerCpu ? cpu * stride : 0);
        store.values.bytes(slot, cpu).set(values.subarray(from, from + spec.value.size));
      }
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What a program gets for the entry at `slot`: its value, or the map inside; 0 for none. */
  pointerAt(slot: number, cpu: number): bigint {
    if (slot < 0) return 0n;
    if (this.spec.inner !== undefined) return this.#inner.get(slot)?.pointer ?? 0n;
    return this.store.values.pointer(slot, this.#isPerCpu ? cpu : 0);
  }

  /** Keeps the map alive for one more user: a program, or a map of maps. */
  retain(): void {
    this.#users += 1;
  }

  /** One user less; without any the memory goes, when no program runs. */
  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#memory.afterRun(() => {
      if (this.#original === undefined) this.store.values.close();
      else this.#original.release();
      this.#memory.remove(this.#handle);
      for (const inner of this.#inner.values()) inner.release();
      this.#inner.clear();
    });
  }

  get #isPerCpu(): boolean {
    return this.spec.type.includes("percpu");
  }

  #decode(slot: number, cpu: number): V {
    return this.spec.value.decode(new Uint8Array(this.store.values.bytes(slot, cpu)));
  }

  #error(problem: string): VmError {
    return new VmError("YM_VM_MAP", `map "${this.spec.name}" (${this.spec.type}): ${problem}`);
  }

  #assertOpen(doing: string): void {
    if (!this.#isClosed) return;
    throw new VmError("YM_VM_CLOSED", `${doing} map "${this.spec.name}": it has been closed`);
  }

  #assertPerCpu(method: string, wanted: boolean): void {
    if (this.#isPerCpu === wanted) return;
    const kind = wanted ? "has one value for all CPUs" : "has one for each CPU, use lookupPerCpu";
    throw this.#error(`${method}: the map ${kind}`);
  }

  #assertSlot(slot: number, doing: string): void {
    if (slot >= 0) return;
    const { maxEntries } = this.spec;
    const reason = reasons.get(-slot) ?? `error ${-slot}`;
    throw this.#error(`${doing}: ${reason} (it holds up to ${maxEntries} entries)`);
  }
}

const isRefusal = (slot: number) => slot === -EEXIST || slot === -ENOENT;

const reasons: ReadonlyMap<number, string> = new Map([
  [7, "the map is full, or the index is beyond its end"],
  [22, "the map does not allow it"],
  [28, "the map is full"],
]);
