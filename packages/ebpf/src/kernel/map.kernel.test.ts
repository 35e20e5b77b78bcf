// Maps of every kind in the kernel: single entries, batches, per CPU, maps of maps, memory.

import { assertNothingOpen, BpfMapFlag, mapInfo, possibleCpuCount, SyscallError } from "@yardmaster/linux";
import { afterEach, expect, test } from "vitest";
import type { MapSpec, MapType } from "../spec.ts";
import { describeKernel, mapSpec, u32, u64 } from "../../test/kernel-test.ts";
import { createKernelMap, type KernelMap } from "./map.ts";

const { NO_PREALLOC, MMAPABLE, INNER_MAP } = BpfMapFlag;
/** struct bpf_lpm_trie_key: prefix length, then the data. */
const prefixKey = {
  size: 8,
  encode: (value: number) => Uint8Array.of(32, 0, 0, 0, 10, 0, value >> 8, value & 255),
  decode: (bytes: Uint8Array) => ((bytes[6] ?? 0) << 8) | (bytes[7] ?? 0),
};

const collect = (map: KernelMap<number, number>): [number, number][] => [...map.entries()].sort((a, b) => a[0] - b[0]);

describeKernel("maps in the kernel", () => {
  afterEach(assertNothingOpen);

  const plain: readonly (readonly [MapType, Partial<MapSpec<number, number>>])[] = [
    ["hash", {}],
    ["hash", { flags: NO_PREALLOC }],
    ["lru_hash", { maxEntries: 1024 }],
    ["lpm_trie", { flags: NO_PREALLOC, key: prefixKey }],
  ];
  test.each(plain)("%s %j: an entry's life", (type, fields) => {
    using map = createKernelMap(mapSpec({ type, ...fields }));
    expect(map.lookup(1)).toBeUndefined();
    expect(map.update(1, 10, "replace")).toBe(false);
    expect(map.update(1, 10, "create")).toBe(true);
    expect(map.update(1, 11, "create")).toBe(false);
    expect(map.update(1, 12, "replace")).toBe(true);
    expect(map.update(2, 20)).toBe(true);
    expect([map.lookup(1), map.lookup(2)]).toEqual([12, 20]);
    expect(collect(map)).toEqual([
      [1, 12],
      [2, 20],
    ]);
    expect(map.delete(1)).toBe(true);
    expect(map.delete(1)).toBe(false);
    expect(collect(map)).toEqual([[2, 20]]);
  });

  test("array: its entries always exist", () => {
    using map = createKernelMap(mapSpec({ type: "array", maxEntries: 3 }));
    map.update(1, 7);
    expect(map.lookup(3)).toBeUndefined();
    expect(map.update(1, 8, "create")).toBe(false);
    expect(collect(map)).toEqual([
      [0, 0],
      [1, 7],
      [2, 0],
    ]);
    expect(() => map.delete(1)).toThrow(/entries of an array always exist/);
    expect(() => map.update(3, 1)).toThrow(/E2BIG.*beyond its end/);
  });

  test.each(["percpu_hash", "percpu_array", "lru_percpu_hash"] as const)("%s: one value per possible CPU", (type) => {
    using map = createKernelMap(mapSpec({ type, maxEntries: 1024 }));
    const cpus = Array.from({ length: possibleCpuCount() }, (_, cpu) => cpu);
    map.updatePerCpu(
      5,
      cpus.map((cpu) => 100 + cpu),
    );
    expect(map.lookupPerCpu(5)).toEqual(cpus.map((cpu) => 100 + cpu));
    map.update(6, 42);
    expect(map.lookupPerCpu(6)).toEqual(cpus.map(() => 42));
    map.updateBatch([[7, 43]]);
    const found = new Map(map.entriesPerCpu());
    expect([5, 6, 7].map((key) => found.get(key)?.[0])).toEqual([100, 42, 43]);
    expect(() => map.lookup(5)).toThrow(/use lookupPerCpu/);
    expect(() => [...map.entries()]).toThrow(/use entriesPerCpu/);
    expect(() => map.updatePerCpu(5, [])).toThrow(/0 values given for/);
  });

  test.each([1, 7, 1000, 100_000])("a full hash map is read in batches of %i", (batchSize) => {
    const maxEntries = 5000;
    using map = createKernelMap(mapSpec({ maxEntries, flags: NO_PREALLOC }));
    map.updateBatch(Array.from({ length: maxEntries }, (_, i) => [i, i * 3] as const));
    const seen = new Map<number, number>();
    for (const { count, keys, values } of map.batches(batchSize)) {
      for (let i = 0; i < count; i += 1) seen.set(u32.decode(keys.slice(i * 4)), u32.decode(values.slice(i * 4)));
    }
    expect(seen.size).toBe(maxEntries);
    expect([...seen].every(([key, value]) => value === key * 3)).toBe(true);
    expect([...map.entries()]).toHaveLength(maxEntries);
  });

  test("a batch that does not fit says how far it came", () => {
    using map = createKernelMap(mapSpec({ maxEntries: 2 }));
    const entries = [1, 2, 3].map((key) => [key, 0] as const);
    expect(() => map.updateBatch(entries)).toThrow(/2 of 3 entries written.*E2BIG/);
    expect(() => map.batches(0)).toThrow(RangeError);
  });

  test.each(["array_of_maps", "hash_of_maps"] as const)(
    "%s: an inner map is replaced by one of another size",
    (type) => {
      const inner = mapSpec({ name: "inner", type: "array", maxEntries: 1, flags: INNER_MAP });
      using outer = createKernelMap(mapSpec({ type, inner, maxEntries: 4 }));
      using small = createKernelMap(inner);
      using large = createKernelMap({ ...inner, maxEntries: 64 });
      expect(outer.lookup(2)).toBeUndefined();
      outer.updateInner(2, small);
      expect(outer.lookup(2)).toBe(small.id);
      outer.updateInner(2, large);
      expect([...outer.entries()]).toEqual([[2, large.id]]);
      expect(outer.delete(2)).toBe(true);
      expect([...outer.entries()]).toEqual([]);
      using stranger = createKernelMap(mapSpec({ type: "hash" }));
      expect(() => outer.updateInner(2, stranger)).toThrow(SyscallError);
    },
  );

  test("inner maps are filled through memory and put in together", () => {
    const inner = mapSpec({ name: "inner", type: "array", maxEntries: 1, flags: INNER_MAP | MMAPABLE });
    using outer = createKernelMap(mapSpec({ type: "array_of_maps", inner, maxEntries: 300 }));
    using first = createKernelMap({ ...inner, maxEntries: 65_537 });
    using second = createKernelMap({ ...inner, maxEntries: 3 });
    first.writeWords(Uint32Array.from({ length: 65_537 }, (_, at) => at * 7));
    second.writeWords(Uint32Array.of(8, 9));
    expect([first.lookup(0), first.lookup(1), first.lookup(65_536)]).toEqual([0, 7, 458_752]);
    expect([...second.entries()].map(([, value]) => value)).toEqual([8, 9, 0]);
    outer.updateInners(Array.from({ length: 300 }, (_, at) => [at, at === 299 ? second : first] as const));
    expect([outer.lookup(0), outer.lookup(298), outer.lookup(299)]).toEqual([first.id, first.id, second.id]);
    outer.updateInners([]);
    expect(() => second.writeWords(new Uint32Array(4))).toThrow(/4 are more than it has/);
    using plain = createKernelMap(mapSpec({ type: "array", maxEntries: 2 }));
    expect(() => plain.writeWords(Uint32Array.of(1))).toThrow(/BPF_F_MMAPABLE/);
  });

  test.each(["prog_array", "devmap"] as const)("%s can be made and is empty", (type) => {
    using map = createKernelMap(mapSpec({ type }));
    expect([...map.entries()]).toEqual([]);
  });

  test("a mapped array is read and written without calls", () => {
    const spec: MapSpec<number, bigint> = { ...mapSpec(), type: "array", value: u64, flags: MMAPABLE };
    using map = createKernelMap(spec);
    const memory = map.mmap();
    const values = new BigUint64Array(memory.buffer);
    expect([values.length, memory.stride]).toEqual([16, 8]);
    map.update(3, 0xffff_ffff_ffffn);
    expect(values[3]).toBe(0xffff_ffff_ffffn);
    values[4] = 9n;
    expect(map.lookup(4)).toBe(9n);
    memory.close();
    expect(values[3]).toBeUndefined();
    using unmappable = createKernelMap(mapSpec({ type: "array" }));
    expect(() => unmappable.mmap()).toThrow(/BPF_F_MMAPABLE/);
  });

  test("the kernel knows the map by its name, and a closed map is refused", () => {
    const map = createKernelMap(mapSpec({ name: "services" }));
    expect(mapInfo(map.fd)).toMatchObject({ name: "services", id: map.id });
    map.close();
    map.close();
    expect(() => map.lookup(1)).toThrow('using map "services": it has been closed');
  });

  test("specs that cannot be are refused", () => {
    expect(() => createKernelMap(mapSpec({ type: "array_of_maps" }))).toThrow(/a map of maps needs `inner`/);
    expect(() => createKernelMap(mapSpec({ inner: mapSpec() }))).toThrow(/a hash has no `inner`/);
    expect(() => createKernelMap(mapSpec({ maxEntries: 0 }))).toThrow(/creating map "test": invalid argument/);
    const short = { ...u32, encode: () => new Uint8Array(2) };
    using map = createKernelMap(mapSpec({ value: short }));
    expect(() => map.update(1, 1)).toThrow(/the codec made 2 bytes, not 4/);
  });
});
