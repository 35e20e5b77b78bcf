// What every host of maps and programs must do, as tests over any `BpfHost`. The interpreter's host and
// the kernel's are held to the same words; where they cannot agree, the contract is silent.

import { describe, expect, test } from "vitest";
import * as asm from "../src/asm/index.ts";
import type { BpfHost, BpfMap, Codec, MapSpec, ProgramSpec } from "../src/spec.ts";

const BPF_F_NO_PREALLOC = 1;
const BPF_F_INNER_MAP = 1 << 12;
const BPF_F_MMAPABLE = 1 << 10;
const { r0, r1, r2, r3, r4, r6, fp } = asm;

const u32: Codec<number> = {
  size: 4,
  encode: (value) => new Uint8Array(Uint32Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true),
};
const u64: Codec<bigint> = {
  size: 8,
  encode: (value) => new Uint8Array(BigUint64Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true),
};

type Spec = MapSpec<number, bigint>;
function mapSpec(changes: Partial<Spec> = {}): Spec {
  return { name: "m", type: "hash", key: u32, value: u64, maxEntries: 4, flags: 0, ...changes };
}

function program(items: readonly asm.Item[], maps: readonly BpfMap[]): ProgramSpec {
  const instructions = asm.assemble(items);
  const specs = maps.map((map) => map.spec);
  return { name: "contract", type: "xdp", instructions, maps: specs, license: "GPL" };
}

function run(host: BpfHost, items: readonly asm.Item[], maps: readonly BpfMap[]) {
  const byName = new Map(maps.map((map) => [map.spec.name, map]));
  using loaded = host.loadProgram(program(items, maps), byName);
  return loaded.run({ packet: new Uint8Array(64) });
}

/** Puts key and value on the stack and r2, r3 at them. */
const keyAndValue = (key: number, value: number) => [
  ...[asm.storeImm(4, fp, -4, key), asm.storeImm(8, fp, -16, value)],
  ...[asm.mov64(r2, fp), asm.aluImm("add", 64, r2, -4)],
  ...[asm.mov64(r3, fp), asm.aluImm("add", 64, r3, -16)],
];
const byKey = (entries: Iterable<[number, bigint]>) => [...entries].sort(([a], [b]) => a - b);

/** Registers the contract's tests; `createHost` is called once for each. */
export function describeHost(name: string, createHost: () => BpfHost): void {
  describe(`${name}: maps`, () => {
    describeHash(createHost);
    describeArray(createHost);
    describePerCpu(createHost);
    describeTrie(createHost);
    describeMapOfMaps(createHost);
    describeInnerLengths(createHost);
    describeReopening(createHost);
    describeExchange(createHost);
  });
  describe(`${name}: programs`, () => {
    describePrograms(createHost);
  });
}

function describeHash(createHost: () => BpfHost): void {
  test.each(["hash", "lru_hash"] as const)("a %s holds what was put in", (type) => {
    using map = createHost().createMap(mapSpec({ type, maxEntries: 64 }));
    expect(map.lookup(1)).toBeUndefined();
    expect(map.update(1, 10n)).toBe(true);
    expect(map.update(2, 20n, "create")).toBe(true);
    expect(map.update(1, 11n, "replace")).toBe(true);
    expect([map.lookup(1), map.lookup(2)]).toEqual([11n, 20n]);
    expect(map.update(1, 12n, "create")).toBe(false);
    expect(map.update(3, 12n, "replace")).toBe(false);
    expect(byKey(map.entries())).toEqual([
      [1, 11n],
      [2, 20n],
    ]);
    expect([map.delete(1), map.delete(1), map.lookup(1)]).toEqual([true, false, undefined]);
  });

  test("a full hash refuses a new key, not an old one", () => {
    using map = createHost().createMap(mapSpec({ flags: BPF_F_NO_PREALLOC }));
    map.updateBatch([1, 2, 3, 4].map((key) => [key, BigInt(key)] as const));
    expect(() => map.update(5, 5n)).toThrow(/m/);
    expect(map.update(4, 44n)).toBe(true);
    map.delete(1);
    expect(map.update(5, 5n)).toBe(true);
  });

  test("batches hold all entries, packed", () => {
    using map = createHost().createMap(mapSpec({ maxEntries: 128 }));
    const entries = Array.from({ length: 100 }, (_, key) => [key, BigInt(key) * 7n] as const);
    map.updateBatch(entries);
    const seen: [number, bigint][] = [];
    for (const { count, keys, values } of map.batches(32)) {
      for (let index = 0; index < count; index++) {
        const value = u64.decode(values.slice(index * 8, index * 8 + 8));
        seen.push([u32.decode(keys.slice(index * 4, index * 4 + 4)), value]);
      }
    }
    expect(byKey(seen)).toEqual(entries);
  });

  test("raw entries of one map can be written to another", () => {
    const host = createHost();
    using from = host.createMap(mapSpec({ maxEntries: 128 }));
    using to = host.createMap(mapSpec({ maxEntries: 256, name: "other" }));
    const entries = Array.from({ length: 100 }, (_, key) => [key, BigInt(key) * 7n] as const);
    from.updateBatch(entries);
    to.update(3, 1n);
    for (const batch of from.batches(32)) to.updateRaw(batch);
    expect(byKey(to.entries())).toEqual(entries);
    to.updateRaw({ count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) });
  });

  test("parts hold the entries between two places, in whatever order they are read", () => {
    using map = createHost().createMap(mapSpec({ maxEntries: 128 }));
    map.updateBatch(Array.from({ length: 100 }, (_, key) => [key, BigInt(key)] as const));
    const read = map.parts(16);
    const keysFrom = (from: number) => {
      const { count, keys, next } = read(from);
      const list = Array.from({ length: count }, (_, index) => u32.decode(keys.slice(index * 4, index * 4 + 4)));
      return { list, next };
    };
    const places: number[] = [];
    const before: (readonly number[])[] = [];
    for (let from: number | undefined = 0; from !== undefined; ) {
      places.push(from);
      const part: { list: number[]; next: number | undefined } = keysFrom(from);
      before.push(part.list);
      from = part.next;
    }
    expect(places.length).toBeGreaterThan(5);
    expect(before.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, key) => key));
    for (const [key] of [...map.entries()].filter(([one]) => one % 3 === 0)) map.delete(key);
    for (let key = 1; key < 100; key += 3) map.update(key, 7n, "replace");
    for (const [at, from] of [...places.entries()].toReversed()) {
      const stayed = (before[at] ?? []).filter((key) => key % 3 !== 0);
      expect(keysFrom(from).list).toEqual(expect.arrayContaining(stayed));
    }
    expect(() => map.parts(16)(0xffff_fff0)).not.toThrow();
    expect(map.parts(16)(0xffff_fff0)).toMatchObject({ count: 0, next: undefined });
    using array = createHost().createMap(mapSpec({ type: "array" }));
    expect(() => array.parts(16)).toThrow(/m/);
  });

  test("entries may be deleted while they are read", () => {
    using map = createHost().createMap(mapSpec({ maxEntries: 64 }));
    map.updateBatch(Array.from({ length: 50 }, (_, key) => [key, 1n] as const));
    for (const [key] of map.entries()) map.delete(key);
    expect([...map.entries()]).toEqual([]);
  });
}

function describeArray(createHost: () => BpfHost): void {
  test("an array has every index from the start and keeps them", () => {
    using map = createHost().createMap(mapSpec({ type: "array" }));
    expect(byKey(map.entries())).toEqual([0, 1, 2, 3].map((index) => [index, 0n]));
    expect(map.update(3, 33n)).toBe(true);
    expect([map.lookup(3), map.lookup(4)]).toEqual([33n, undefined]);
    expect(map.update(3, 34n, "create")).toBe(false);
    expect(() => map.update(4, 1n)).toThrow(/m/);
    expect(() => map.delete(3)).toThrow(/m/);
  });
}

function describePerCpu(createHost: () => BpfHost): void {
  test.each(["percpu_hash", "percpu_array"] as const)("a %s has a value for each CPU", (type) => {
    using map = createHost().createMap(mapSpec({ type }));
    map.update(1, 5n);
    const cpus = (map.lookupPerCpu(1) as bigint[]).length;
    expect(map.lookupPerCpu(1)).toEqual(Array.from({ length: cpus }, () => 5n));
    const values = Array.from({ length: cpus }, (_, cpu) => BigInt(cpu) + 100n);
    map.updatePerCpu(2, values);
    expect(map.lookupPerCpu(2)).toEqual(values);
    expect(map.lookupPerCpu(9)).toBeUndefined();
    expect(() => map.lookup(1)).toThrow(/lookupPerCpu/);
    expect(() => map.updatePerCpu(1, [...values, 0n])).toThrow(/CPU/);
    const batch = map.batches(64).next().value as { values: Uint8Array };
    expect(batch.values.length % (8 * cpus)).toBe(0);
  });
}

function describeTrie(createHost: () => BpfHost): void {
  const prefix: Codec<readonly [length: number, address: number]> = {
    size: 8,
    encode: ([length, address]) => {
      const bytes = new Uint8Array(8);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, length, true);
      view.setUint32(4, address);
      return bytes;
    },
    decode: (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return [view.getUint32(0, true), view.getUint32(4)];
    },
  };

  test("a trie finds the longest prefix", () => {
    const spec = { ...mapSpec(), type: "lpm_trie", key: prefix, flags: BPF_F_NO_PREALLOC } as const;
    using map = createHost().createMap(spec);
    expect(map.lookup([32, 0x0a01_0203])).toBeUndefined();
    map.update([8, 0x0a00_0000], 8n);
    map.update([24, 0x0a01_0200], 24n);
    map.update([23, 0x0a01_0200], 23n);
    expect(map.lookup([32, 0x0a01_0203])).toBe(24n);
    expect(map.lookup([32, 0x0a01_0303])).toBe(23n);
    expect(map.lookup([16, 0x0a01_0203])).toBe(8n);
    expect(map.lookup([32, 0x0b01_0203])).toBeUndefined();
    map.update([0, 0], 1n);
    expect(map.lookup([32, 0x0b01_0203])).toBe(1n);
    expect([map.delete([24, 0x0a01_0200]), map.delete([25, 0x0a01_0200])]).toEqual([true, false]);
    expect(map.lookup([32, 0x0a01_0203])).toBe(23n);
    expect(() => map.update([33, 0], 0n)).toThrow(/m/);
    expect(() => map.delete([33, 0])).toThrow(/m/);
    expect(map.lookup([33, 0x0a01_0203])).toBeUndefined();
  });

  test("a trie keeps keys as they were put in last, and is full of prefixes, not of addresses", () => {
    const spec = { ...mapSpec({ maxEntries: 2 }), type: "lpm_trie", key: prefix, flags: BPF_F_NO_PREALLOC } as const;
    using map = createHost().createMap(spec);
    expect(map.update([8, 0x0a01_0203], 1n, "replace")).toBe(false);
    expect(map.update([8, 0x0a01_0203], 1n, "create")).toBe(true);
    expect(map.update([8, 0x0a00_0000], 2n, "create")).toBe(false);
    map.update([9, 0x0a00_0000], 9n);
    expect(map.update([8, 0x0a04_0506], 3n)).toBe(true);
    expect(() => map.update([7, 0x0a00_0000], 7n)).toThrow(/the map is full/);
    expect(map.update([7, 0x0a00_0000], 7n, "replace")).toBe(false);
    expect([...map.entries()].sort(([[a]], [[b]]) => a - b)).toEqual([
      [[8, 0x0a04_0506], 3n],
      [[9, 0x0a00_0000], 9n],
    ]);
    for (const [key] of map.entries()) map.delete(key);
    expect([...map.entries()]).toEqual([]);
  });

  test("a trie is made without preallocation, of 1 to 256 bytes of address", () => {
    const create = (flags: number, size: number) => {
      const spec = { ...mapSpec({ flags }), type: "lpm_trie", key: { ...prefix, size } } as const;
      using _map = createHost().createMap(spec);
    };
    create(BPF_F_NO_PREALLOC, 5);
    create(BPF_F_NO_PREALLOC, 260);
    expect(() => create(BPF_F_NO_PREALLOC, 4)).toThrow(/m/);
    expect(() => create(BPF_F_NO_PREALLOC, 261)).toThrow(/m/);
    expect(() => create(0, 8)).toThrow(/m/);
  });

  test("a full trie tells programs so", () => {
    const host = createHost();
    const spec = { ...mapSpec({ maxEntries: 1 }), type: "lpm_trie", key: prefix, flags: BPF_F_NO_PREALLOC } as const;
    using map = host.createMap(spec);
    map.update([8, 0x0a00_0000], 1n);
    const items = [
      ...[asm.storeImm(8, fp, -8, 0), asm.mov64(r2, fp), asm.aluImm("add", 64, r2, -8), asm.mov64(r3, r2)],
      ...[asm.mov64Imm(r4, 0), asm.loadMap(r1, "m"), asm.callHelper(2), asm.exit()],
    ];
    expect(run(host, items, [map as unknown as BpfMap]).verdict | 0).toBe(-28);
  });
}

function describeMapOfMaps(createHost: () => BpfHost): void {
  test.each(["array_of_maps", "hash_of_maps"] as const)("a %s gives programs its inner map", (type) => {
    const host = createHost();
    const template = mapSpec({ name: "inner", type: "array", maxEntries: 2 });
    const inners = [100n, 200n].map((value) => {
      const inner = host.createMap(template);
      inner.update(1, value);
      return inner;
    });
    const wrong = host.createMap({ ...template, value: u32 as never });
    using outer = host.createMap({ ...mapSpec({ name: "outer", type }), value: u32, inner: template as MapSpec });
    const read = [
      ...[asm.storeImm(4, fp, -4, 1), asm.mov64(r2, fp), asm.aluImm("add", 64, r2, -4)],
      ...[asm.loadMap(r1, "outer"), asm.callHelper(1), asm.jumpImm("jeq", 64, r0, 0, "none")],
      ...[asm.mov64(r1, r0), asm.mov64(r2, fp), asm.aluImm("add", 64, r2, -4), asm.callHelper(1)],
      ...[asm.jumpImm("jeq", 64, r0, 0, "none"), asm.load(8, r0, r0, 0), asm.exit()],
      ...[asm.label("none"), asm.mov64Imm(r0, 7), asm.exit()],
    ];
    const value = () => run(host, read, [outer as BpfMap]).verdict;
    expect(value()).toBe(7);
    for (const inner of inners) {
      outer.updateInner(1, inner as BpfMap);
      expect(value()).toBe(Number(inner.lookup(1)));
    }
    expect(() => outer.updateInner(1, wrong as BpfMap)).toThrow();
    for (const inner of [...inners, wrong]) inner.close();
    expect(value()).toBe(200);
    if (type === "hash_of_maps") {
      expect(outer.delete(1)).toBe(true);
      expect(value()).toBe(7);
    }
  });
}

const readInner = (index: number) => [
  ...[asm.storeImm(4, fp, -4, 0), asm.mov64(r2, fp), asm.aluImm("add", 64, r2, -4), asm.loadMap(r1, "outer")],
  ...[asm.callHelper(1), asm.jumpImm("jeq", 64, r0, 0, "none"), asm.storeImm(4, fp, -4, index), asm.mov64(r1, r0)],
  ...[asm.mov64(r2, fp), asm.aluImm("add", 64, r2, -4), asm.callHelper(1), asm.jumpImm("jeq", 64, r0, 0, "none")],
  ...[asm.load(8, r0, r0, 0), asm.exit(), asm.label("none"), asm.mov64Imm(r0, 7), asm.exit()],
];

function describeInnerLengths(createHost: () => BpfHost): void {
  test("inner arrays have any length, where they have BPF_F_INNER_MAP, and the template's where not", () => {
    const host = createHost();
    for (const flags of [BPF_F_INNER_MAP, 0]) {
      const template = mapSpec({ name: "inner", type: "array", maxEntries: 2, flags });
      const spec = { ...mapSpec({ name: "outer", type: "array_of_maps" }), value: u32, inner: template as MapSpec };
      using outer = host.createMap(spec);
      for (const maxEntries of [1, 64]) {
        using inner = host.createMap({ ...template, maxEntries });
        const put = () => outer.updateInner(0, inner as BpfMap);
        if (flags === 0) {
          expect(put).toThrow();
          continue;
        }
        inner.update(maxEntries - 1, BigInt(maxEntries));
        put();
        expect(run(host, readInner(maxEntries - 1), [outer as BpfMap]).verdict).toBe(maxEntries);
        expect(run(host, readInner(maxEntries), [outer as BpfMap]).verdict).toBe(7);
      }
    }
  });
}

function describeExchange(createHost: () => BpfHost): void {
  test("a word of an array that can be mapped is exchanged, for the control plane and for programs", () => {
    const host = createHost();
    const spec = { ...mapSpec({ name: "words", type: "array" }), value: u32, flags: BPF_F_MMAPABLE };
    using words = host.createMap<number, number>(spec);
    const read = [
      ...[asm.storeImm(4, fp, -4, 3), asm.mov64(r2, fp), asm.aluImm("add", 64, r2, -4), asm.loadMap(r1, "words")],
      ...[asm.callHelper(1), asm.jumpImm("jeq", 64, r0, 0, "none"), asm.load(4, r0, r0, 0), asm.exit()],
      ...[asm.label("none"), asm.mov64Imm(r0, 7), asm.exit()],
    ];
    for (const value of [5, 6]) {
      words.exchange(3, value);
      expect([words.lookup(3), words.lookup(2)]).toEqual([value, 0]);
      expect(run(host, read, [words as BpfMap]).verdict).toBe(value);
    }
    words.update(3, 9);
    expect(words.lookup(3)).toBe(9);
    expect(() => words.exchange(4, 1)).toThrow();
    host.waitForRuns();
  });

  test("values of other sizes and other maps cannot be exchanged", () => {
    const host = createHost();
    const mappable = { type: "array", flags: BPF_F_MMAPABLE } as const;
    for (const spec of [mapSpec(mappable), mapSpec({ type: "array" }), mapSpec()]) {
      using map = host.createMap(spec);
      expect(() => map.exchange(0, 1n)).toThrow(/exchang/);
    }
  });
}

function describeReopening(createHost: () => BpfHost): void {
  test("a map opened once more under another description is the same map, and outlives the first", () => {
    const host = createHost();
    const first = host.createMap(mapSpec({ type: "hash", maxEntries: 4 }));
    const raw: Codec<Uint8Array> = { size: 8, encode: (value) => value, decode: (bytes) => bytes.slice() };
    using second = host.reopenMap(first as BpfMap, { ...first.spec, name: "raw", value: raw });
    first.update(1, 0x0102n);
    expect(second.lookup(1)).toEqual(Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0));
    first.close();
    second.update(2, new Uint8Array(8));
    expect(byKey(second.entries() as Iterable<[number, never]>).map(([key]) => key)).toEqual([1, 2]);
  });

  test("a program finds in it what was put into the first", () => {
    const host = createHost();
    using first = host.createMap(mapSpec({ name: "one", type: "array", maxEntries: 1 }));
    using second = host.reopenMap(first as BpfMap, { ...first.spec, name: "other" });
    first.update(0, 77n);
    const items = [asm.loadMapValue(r1, "other", 0), asm.load(4, r0, r1, 0), asm.exit()];
    expect(run(host, items, [second as BpfMap]).verdict).toBe(77);
  });

  test.each<[string, Partial<Spec>]>([
    ["a type", { type: "lru_hash" }],
    ["a length", { maxEntries: 5 }],
    ["flags", { flags: BPF_F_NO_PREALLOC }],
    ["a size", { value: u32 as unknown as Codec<bigint> }],
  ])("it is not opened with %s that it does not have", (_, changes) => {
    const host = createHost();
    using map = host.createMap(mapSpec({ type: "hash" }));
    expect(() => host.reopenMap(map as BpfMap, mapSpec({ type: "hash", ...changes }))).toThrow(/"m"/);
  });
}

function describePrograms(createHost: () => BpfHost): void {
  test("look up, update and delete", () => {
    const host = createHost();
    using map = host.createMap(mapSpec());
    map.update(1, 41n);
    const items = [
      ...[...keyAndValue(1, 0), asm.loadMap(r1, "m"), asm.callHelper(1)],
      ...[asm.jumpImm("jeq", 64, r0, 0, "end"), asm.mov64Imm(r1, 1), asm.atomic("add", 8, r0, 0, r1)],
      ...[...keyAndValue(2, 9), asm.mov64Imm(r4, 0), asm.loadMap(r1, "m"), asm.callHelper(2)],
      ...[...keyAndValue(3, 0), asm.loadMap(r1, "m"), asm.callHelper(3), asm.mov64(r6, r0)],
      ...[asm.mov64(r0, r6), asm.exit(), asm.label("end"), asm.mov64Imm(r0, 0), asm.exit()],
    ];
    expect(run(host, items, [map as BpfMap]).verdict | 0).toBe(-2);
    expect(byKey(map.entries())).toEqual([
      [1, 42n],
      [2, 9n],
    ]);
  });

  test("change the packet, repeatedly", () => {
    const host = createHost();
    const items = [
      ...[asm.load(4, r2, r1, 0), asm.load(4, r3, r1, 4), asm.mov64(r4, r2)],
      ...[asm.aluImm("add", 64, r4, 1), asm.jump("jgt", 64, r4, r3, "out"), asm.load(1, r0, r2, 0)],
      ...[asm.aluImm("add", 64, r0, 1), asm.store(1, r2, 0, r0), asm.exit()],
      ...[asm.label("out"), asm.mov64Imm(r0, 0), asm.exit()],
    ];
    using loaded = host.loadProgram(program(items, []), new Map());
    const packet = new Uint8Array(64).fill(5);
    const output = loaded.run({ packet, repeat: 3 });
    expect([output.verdict, output.packet[0], output.packet[1]]).toEqual([8, 8, 5]);
    expect(packet[0]).toBe(5);
    expect(output.durationNs).toBeGreaterThanOrEqual(0);
  });

  test("address the only value of an array", () => {
    const host = createHost();
    using map = host.createMap(mapSpec({ name: "one", type: "array", maxEntries: 1 }));
    map.update(0, 0x1_0000_0002n);
    const items = [asm.loadMapValue(r1, "one", 4), asm.load(4, r0, r1, 0), asm.exit()];
    expect(run(host, items, [map as BpfMap]).verdict).toBe(1);
  });

  test("keep their maps while they are loaded", () => {
    const host = createHost();
    const map = host.createMap(mapSpec({ name: "one", type: "array", maxEntries: 1 }));
    map.update(0, 77n);
    const items = [asm.loadMapValue(r1, "one", 0), asm.load(4, r0, r1, 0), asm.exit()];
    using loaded = host.loadProgram(program(items, [map as BpfMap]), new Map([["one", map as BpfMap]]));
    map.close();
    map.close();
    expect(loaded.run({ packet: new Uint8Array(64) }).verdict).toBe(77);
    expect(() => map.lookup(0)).toThrow();
  });

  test("are refused without the maps they name", () => {
    const host = createHost();
    using map = host.createMap(mapSpec());
    const items = [asm.loadMap(r1, "m"), asm.mov64Imm(r0, 0), asm.exit()];
    expect(() => host.loadProgram(program(items, [map as BpfMap]), new Map())).toThrow(/"m"/);
  });
}
