// Copies of tables that packets go on writing while they are made: first as it is, then what has changed meanwhile.

import type { BpfMap, Layout, MapSpec, RawBatch } from "@yardmaster/ebpf";
import { expectWork } from "../engine.ts";
import { Fingerprints } from "./fingerprints.ts";

type RawMap = BpfMap<Uint8Array, Uint8Array>;
type Convert = (bytes: Uint8Array) => Uint8Array;

/** Entries read and written with one call. */
const BATCH = 4096;

/** A copy that was made while its original was in use. */
export interface Copy {
  /** Nobody writes the original any more: makes the copy whole. */
  finish(): void;
}

/** How keys and values of a table become those of its copy; undefined: they are alike. */
export interface Conversion {
  readonly keys: Convert | undefined;
  readonly values: Convert | undefined;
}

/** Copies a hash table. Of each entry only a fingerprint is remembered, not the entry. */
export function copyHash(from: RawMap, to: RawMap, conversion: Conversion): Copy {
  const prints = new Fingerprints(to.spec);
  for (const batch of converted(from, conversion)) {
    for (let at = 0; at < batch.count; at++) prints.note(batch, at);
    to.updateRaw(batch);
  }
  return {
    finish() {
      for (const batch of converted(from, conversion)) {
        for (let at = 0; at < batch.count; at++) bringUp(to, batch, at, prints);
      }
      // What is left was in the original and no longer is.
      if (prints.left === 0) return;
      for (const batch of to.batches(BATCH)) {
        for (let at = 0; at < batch.count; at++) {
          const before = prints.ofLeft(batch, at);
          // Unless something else is there: packets have been here already.
          if (before === prints.ofValue(batch.values, at)) to.delete(keyAt(to.spec, batch, at));
        }
      }
    },
  };
}

/** Makes an entry of a copy what it is in the original now, unless packets have made something else of it. */
function bringUp(to: RawMap, batch: RawBatch, at: number, prints: Fingerprints): void {
  const before = prints.meet(batch, at);
  if (before === prints.ofValue(batch.values, at)) return;
  const key = keyAt(to.spec, batch, at);
  const now = to.lookup(key);
  const isUntouched = before === undefined ? now === undefined : now !== undefined && before === prints.ofValue(now, 0);
  if (!isUntouched) return;
  const { size } = to.spec.value;
  to.update(key, batch.values.slice(at * size, (at + 1) * size), before === undefined ? "any" : "replace");
}

function keyAt({ key: { size } }: MapSpec, { keys }: RawBatch, at: number): Uint8Array {
  return keys.slice(at * size, (at + 1) * size);
}

/** The entries of a table as those of its copy. The arrays may be reused. */
function* converted(from: RawMap, { keys, values }: Conversion): Generator<RawBatch> {
  let total = 0;
  for (const batch of from.batches(BATCH)) {
    total += batch.count;
    expectWork(total);
    yield {
      count: batch.count,
      keys: keys === undefined ? batch.keys : packed(split(batch.keys, from.spec.key.size, batch.count), keys),
      values:
        values === undefined ? batch.values : packed(split(batch.values, from.spec.value.size, batch.count), values),
    };
  }
}

function* split(bytes: Uint8Array, size: number, count: number): Generator<Uint8Array> {
  for (let at = 0; at < count; at++) yield bytes.subarray(at * size, (at + 1) * size);
}

function packed(parts: Iterable<Uint8Array>, convert: Convert): Uint8Array {
  return Buffer.concat(Array.from(parts, convert));
}

/** How an array is copied. */
export interface ArrayCopyOptions {
  readonly convert: Convert;
  /** Fields that are numbers and only counted up: what comes in between is added. Others stay as they were copied. */
  readonly counters: readonly string[];
  /** Of the copy's values. */
  readonly layout: Layout;
  /** Where an index of the original goes; −1: nowhere. Default: where it was. */
  readonly place: ((index: number) => number) | undefined;
}

/** Copies an array, also one with a value for each CPU. What is beyond the copy's end is left out. */
export function copyArray(from: RawMap, to: RawMap, { convert, counters, layout, place }: ArrayCopyOptions): Copy {
  const isPerCpu = from.spec.type.startsWith("percpu");
  const targetOf = (index: number): number | undefined => {
    const target = place?.(index) ?? index;
    return target >= 0 && target < to.spec.maxEntries ? target : undefined;
  };
  const read = (index: number): readonly Uint8Array[] => {
    const key = indexBytes(index);
    if (isPerCpu) return to.lookupPerCpu(key) ?? [];
    const value = to.lookup(key);
    return value === undefined ? [] : [value];
  };
  const write = (index: number, values: readonly Uint8Array[]): void => {
    if (isPerCpu) to.updatePerCpu(indexBytes(index), values);
    else if (values[0] !== undefined) to.update(indexBytes(index), values[0]);
  };
  /** By index, those that were not zero. */
  const copied = new Map<number, readonly Uint8Array[]>();
  for (const [index, values] of valuesOf(from)) {
    const target = targetOf(index);
    if (target === undefined || values.every(isZero)) continue;
    const made = values.map((value) => convert(value));
    copied.set(index, made);
    write(target, made);
  }
  return {
    finish() {
      for (const [index, values] of valuesOf(from)) {
        const [target, before] = [targetOf(index), copied.get(index)];
        if (target === undefined || (before === undefined && values.every(isZero))) continue;
        const changes = values.map((value, cpu) => {
          const now = convert(value);
          return differences(layout, counters, before?.[cpu] ?? new Uint8Array(now.length), now);
        });
        if (changes.every((change) => change.length === 0)) continue;
        write(
          target,
          read(target).map((value, cpu) => added(value, changes[cpu] ?? [])),
        );
      }
    },
  };
}

/** Values of an array by their index, one of each CPU where it has so many. */
function* valuesOf(map: RawMap): Generator<readonly [index: number, values: readonly Uint8Array[]]> {
  const { key, value, type } = map.spec;
  for (const { count, keys, values } of map.batches(BATCH)) {
    const size = values.length / (keys.length / key.size);
    // Those of CPUs lie at multiples of 8 (kernel/bpf/arraymap.c, bpf_percpu_array_copy).
    const stride = type.startsWith("percpu") ? Math.ceil(value.size / 8) * 8 : size;
    for (let at = 0; at < count; at++) {
      const starts = Array.from({ length: size / stride }, (_, cpu) => at * size + cpu * stride);
      yield [viewOf(keys).getUint32(at * key.size, true), starts.map((from) => values.slice(from, from + value.size))];
    }
  }
}

function isZero(value: Uint8Array): boolean {
  return value.every((byte) => byte === 0);
}

/** By how much a number at an offset has grown, modulo its size. */
interface Growth {
  readonly offset: number;
  readonly size: 4 | 8;
  readonly by: bigint;
}

function differences(layout: Layout, counters: readonly string[], before: Uint8Array, after: Uint8Array): Growth[] {
  if (layout.kind !== "struct") return [];
  return layout.fields.flatMap(({ name, offset, layout: part }) => {
    if (!counters.includes(name) || part.kind !== "scalar" || (part.size !== 4 && part.size !== 8)) return [];
    const { size } = part;
    const by = numberAt(after, offset, size) - numberAt(before, offset, size);
    return by === 0n ? [] : [{ offset, size, by }];
  });
}

function added(value: Uint8Array, growths: readonly Growth[]): Uint8Array {
  const result = value.slice();
  const view = viewOf(result);
  for (const { offset, size, by } of growths) {
    const sum = BigInt.asUintN(size * 8, numberAt(value, offset, size) + by);
    if (size === 8) view.setBigUint64(offset, sum, true);
    else view.setUint32(offset, Number(sum), true);
  }
  return result;
}

function numberAt(bytes: Uint8Array, offset: number, size: 4 | 8): bigint {
  return size === 8 ? viewOf(bytes).getBigUint64(offset, true) : BigInt(viewOf(bytes).getUint32(offset, true));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function indexBytes(index: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(index).buffer);
}
