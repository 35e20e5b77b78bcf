// Copies of tables that packets go on writing while they are made: first as it is, then what has changed meanwhile.

import type { BpfMap, Layout } from "@yardmaster/ebpf";

type RawMap = BpfMap<Uint8Array, Uint8Array>;
type Convert = (bytes: Uint8Array) => Uint8Array;

/** Entries read with one call. */
const BATCH = 4096;

/** A copy that was made while its original was in use. */
export interface Copy {
  /** Nobody writes the original any more: makes the copy whole. */
  finish(): void;
}

/** Copies a hash table. */
export function copyHash(
  from: RawMap,
  to: RawMap,
  convert: { readonly keys: Convert; readonly values: Convert },
): Copy {
  const copied = new Map<string, string>();
  to.updateBatch(
    converted(entriesOf(from), convert, (key, value) => {
      copied.set(key, value);
    }),
  );
  return {
    finish() {
      for (const [key, value] of entriesOf(from)) {
        const text = latin1(key);
        const before = copied.get(text);
        copied.delete(text);
        const target = convert.keys(key);
        if (before === undefined) {
          // A packet that has come meanwhile may have made one of its own.
          if (to.lookup(target) === undefined) to.update(target, convert.values(value), "any");
        } else if (before !== latin1(value))
          replace(to, target, convert.values(bytesOf(before)), convert.values(value));
      }
      // What is left was in the original and no longer is.
      for (const [key, value] of copied) {
        replace(to, convert.keys(bytesOf(key)), convert.values(bytesOf(value)), undefined);
      }
      copied.clear();
    },
  };
}

/** Puts `after` in the place of `before`, unless something else is there: packets have been here already. */
function replace(map: RawMap, key: Uint8Array, before: Uint8Array, after: Uint8Array | undefined): void {
  const now = map.lookup(key);
  if (now === undefined || Buffer.compare(now, before) !== 0) return;
  if (after === undefined) map.delete(key);
  else map.update(key, after, "replace");
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
  const read = (map: RawMap, index: number): readonly Uint8Array[] => {
    const key = indexBytes(index);
    if (isPerCpu) return map.lookupPerCpu(key) ?? [];
    const value = map.lookup(key);
    return value === undefined ? [] : [value];
  };
  const write = (index: number, values: readonly Uint8Array[]): void => {
    if (isPerCpu) to.updatePerCpu(indexBytes(index), values);
    else if (values[0] !== undefined) to.update(indexBytes(index), values[0]);
  };
  const pairs = Array.from({ length: from.spec.maxEntries }, (_, index) => ({
    index,
    target: place?.(index) ?? index,
  }));
  const carried = pairs.filter(({ target }) => target >= 0 && target < to.spec.maxEntries);
  const copied = carried.map(({ index, target }) => {
    const values = read(from, index).map(convert);
    if (values.some((value) => value.some((byte) => byte !== 0))) write(target, values);
    return { index, target, values };
  });
  return {
    finish() {
      for (const { index, target, values } of copied) {
        const now = read(from, index).map(convert);
        const changes = now.map((value, cpu) => differences(layout, counters, values[cpu] ?? value, value));
        if (changes.every((change) => change.length === 0)) continue;
        write(
          target,
          read(to, target).map((value, cpu) => added(value, changes[cpu] ?? [])),
        );
      }
    },
  };
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

function* entriesOf(map: RawMap): Generator<readonly [Uint8Array, Uint8Array]> {
  const { key, value } = map.spec;
  for (const { count, keys, values } of map.batches(BATCH)) {
    for (let at = 0; at < count; at++) {
      yield [keys.slice(at * key.size, (at + 1) * key.size), values.slice(at * value.size, (at + 1) * value.size)];
    }
  }
}

function* converted(
  entries: Iterable<readonly [Uint8Array, Uint8Array]>,
  convert: { readonly keys: Convert; readonly values: Convert },
  note: (key: string, value: string) => void,
): Generator<readonly [Uint8Array, Uint8Array]> {
  for (const [key, value] of entries) {
    note(latin1(key), latin1(value));
    yield [convert.keys(key), convert.values(value)];
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

function indexBytes(index: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(index).buffer);
}
