// What the DSL does to maps: modes, atomics, maps in maps, per-CPU and global data; in any host.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  arrayMap,
  arrayOfArrays,
  atomic,
  be16,
  be32,
  type BpfHost,
  bytes,
  choose,
  global,
  hashMap,
  type Int,
  leave,
  list,
  lpmTrie,
  stack,
  struct,
  tx,
  u32,
  u64,
} from "@yardmaster/ebpf";
import { observe } from "./observe.ts";

const PASS = 2;
const TX = 3;
const Word = struct("word", { value: u32 });
const Wide = struct("wide", { value: u64 });

/** Registers the tests; `createHost` is called once for each. */
export function describeMaps(createHost: () => BpfHost): void {
  test("hash maps: update modes, in-place changes, deletion", () => {
    const table = hashMap("table", Word, Wide, 4);
    const host = createHost();
    using live = host.createMap(table.spec);
    const { values } = observe(
      host,
      (_packet, keep) => {
        const isDone = (result: Int<"u32">) => keep(choose(result.eq(0), u32(1), u32(0)));
        isDone(table.update({ value: 1 }, { value: 10n }, "replace"));
        isDone(table.update({ value: 1 }, { value: 11n }, "create"));
        isDone(table.update({ value: 1 }, { value: 12n }, "create"));
        isDone(table.update({ value: 1 }, { value: 13n }, "replace"));
        const entry = table.lookup({ value: 1 }).orPass();
        entry.value = entry.value.add(1);
        isDone(table.delete({ value: 2 }));
        isDone(table.update({ value: 3 }, { value: 30n }));
        isDone(table.delete({ value: 3 }));
        table
          .lookup({ value: 3 })
          .then(() => leave(tx()))
          .otherwise(() => keep(u32(5)));
      },
      { maps: [live] },
    );
    expect(values).toEqual([0n, 1n, 0n, 1n, 0n, 1n, 1n, 5n]);
    expect([...live.entries()]).toEqual([[{ value: 1 }, { value: 14n }]]);
  });

  test("atomics, 32 and 64 bits", () => {
    const Counters = struct("counters", { narrow: u32, wide: u64 });
    const counters = arrayMap("counters", Counters, 1);
    const host = createHost();
    using live = host.createMap(counters.spec);
    live.update(0, { narrow: 0xffff_fffe, wide: (1n << 64n) - 2n });
    const { values } = observe(
      host,
      (packet, keep) => {
        const home = counters.lookup(0).orPass();
        for (const field of [atomic(home, Counters, "narrow"), atomic(home, Counters, "wide")]) {
          field.add(1);
          keep(field.fetchAdd(packet.length().sub(62)));
          keep(field.fetchOr(0xf0));
          keep(field.fetchAnd(0x3c));
          keep(field.exchange(7));
          keep(field.compareExchange(6, 100));
          keep(field.compareExchange(7, 200));
        }
      },
      { maps: [live] },
    );
    const tail = [1n, 0xf1n, 0x30n, 7n, 7n];
    expect(values).toEqual([0xffff_ffffn, ...tail, (1n << 64n) - 1n, ...tail]);
    expect(live.lookup(0)).toEqual({ narrow: 200, wide: 200n });
  });

  test("atomics on fields of nested structures, in a map, in its lists and in the frame", () => {
    const Loads = struct("loads", { active: u32, inactive: u32, total: u64 });
    const Row = struct("row", { port: be16, loads: Loads, each: list(Loads, 2) });
    const rows = arrayMap("rows", Row, 1);
    const host = createHost();
    using live = host.createMap(rows.spec);
    const { values } = observe(
      host,
      (packet, keep) => {
        const row = rows.lookup(0).orPass();
        atomic(row.loads, Loads, "inactive").add(2);
        atomic(row.loads, Loads, "total").add((1n << 32n) + 3n);
        keep(atomic(row.each.at(1), Loads, "active").exchange(4));
        keep(atomic(row.each.masked(packet.length()), Loads, "inactive").fetchAdd(5));
        const zero = { active: 0, inactive: 0, total: 0n };
        const framed = stack(struct("framed", { first: u32, loads: Loads }), { first: 0, loads: zero });
        atomic(framed.loads, Loads, "total").add(6);
        keep(atomic(framed.loads, Loads, "total").fetchOr(8));
        keep(framed.loads.total);
      },
      { maps: [live] },
    );
    expect(values).toEqual([0n, 0n, 6n, 14n]);
    expect(live.lookup(0)).toEqual({
      port: 0,
      loads: { active: 0, inactive: 2, total: (1n << 32n) + 3n },
      each: [
        { active: 0, inactive: 5, total: 0n },
        { active: 4, inactive: 0, total: 0n },
      ],
    });
  });

  test("maps in maps: the inner one is looked up in, and exchanged whole", () => {
    const inner = arrayMap("inner", Wide, 2);
    const tables = arrayOfArrays("tables", inner, 2);
    const host = createHost();
    using outer = host.createMap(tables.spec);
    using first = host.createMap(inner.spec);
    using second = host.createMap(inner.spec);
    first.update(1, { value: 41n });
    second.update(1, { value: 42n });
    const run = () =>
      observe(
        host,
        (packet, keep) => {
          const index = packet.length().and(1);
          tables
            .lookup(index)
            .orLeave(tx())
            .lookup(index.add(1))
            .then(({ value }) => keep(value));
        },
        { maps: [outer] },
      );
    expect(run().verdict).toBe(TX);
    outer.updateInner(0, first);
    expect(run()).toMatchObject({ values: [41n], verdict: PASS });
    outer.updateInner(0, second);
    expect(run().values).toEqual([42n]);
  });

  test("tries: the longest prefix of a structure of the program, of the packet, of known numbers", () => {
    const Address = struct("address", { high: be32, low: bytes(4) });
    const Site = struct("site", { class: be16, port: be16, address: Address });
    const sites = lpmTrie("sites", Site, Wide, 8);
    const host = createHost();
    using live = host.createMap(sites.spec);
    const put = (prefixLength: number, high: number, value: bigint) =>
      live.update(
        { prefixLength, data: { class: 1, port: 80, address: { high, low: Uint8Array.of(1, 2, 3, 4) } } },
        { value },
      );
    put(32, 0, 32n);
    put(32 + 8, 0x0a00_0000, 40n);
    put(32 + 31, 0x0a01_0202, 63n);
    put(32 + 64, 0x0a01_0203, 96n);
    const packet = new Uint8Array(64);
    packet.set(Site.encode({ class: 1, port: 80, address: { high: 0x0a01_0203, low: Uint8Array.of(1, 2, 3, 4) } }), 1);
    const { values } = observe(
      host,
      (staged, keep) => {
        const site = staged.cursorAt(1).read(Site).orPass();
        keep(sites.lookup(site).orPass().value);
        site.address.low = stack(struct("low", { of: bytes(4) }), { of: Uint8Array.of(1, 2, 3, 5) }).of;
        keep(sites.lookup({ class: be16(1), port: be16(80), address: site.address }).orPass().value);
        const key = stack(Site, site);
        key.address.high = be32(0x0a01_0204);
        const entry = sites.lookup(key).orPass();
        keep(entry.value);
        entry.value = entry.value.add(1);
        site.port = be16(443);
        sites
          .lookup(site)
          .then(() => leave(tx()))
          .otherwise(() => keep(u32(5)));
        keep(sites.lookup({ class: 1, port: 80, address: { high: 9, low: Uint8Array.of(0, 0, 0, 0) } }).orPass().value);
      },
      { packet, maps: [live] },
    );
    expect(values).toEqual([96n, 63n, 40n, 5n, 32n]);
    const found = [...live.entries()].map(([{ prefixLength }, { value }]) => [prefixLength, value] as const);
    const expected = [
      [32, 32n],
      [40, 41n],
      [63, 63n],
      [96, 96n],
    ];
    expect(found.sort(([a], [b]) => a - b)).toEqual(expected);
  });

  test("tries: any prefixes, found as a walk over all of them finds them", () => {
    const prefixes = lpmTrie("prefixes", struct("ipv4", { address: be32 }), Wide, 64);
    // Few bits differ, so that prefixes lie inside of one another.
    const address = fc
      .nat(15)
      .map((bits) => ((bits >> 2) << 30) | ((bits & 3) << 7))
      .map((number) => number >>> 0);
    const prefix = fc.record({ prefixLength: fc.constantFrom(0, 1, 2, 8, 23, 24, 25, 31, 32), address });
    const host = createHost();
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 20 }), fc.array(prefix, { maxLength: 4 }), (added, removed) => {
        using live = host.createMap(prefixes.spec);
        const keyOf = (of: (typeof added)[number]) => ({
          prefixLength: of.prefixLength,
          data: { address: of.address },
        });
        const networkOf = (of: (typeof added)[number]) =>
          (BigInt(of.address) >> BigInt(32 - of.prefixLength)) << BigInt(32 - of.prefixLength);
        const nameOf = (of: (typeof added)[number]) => `${of.prefixLength} ${networkOf(of)}`;
        const expected = new Map<string, { of: (typeof added)[number]; value: bigint }>();
        added.forEach((of, index) => {
          live.update(keyOf(of), { value: BigInt(index) });
          expected.set(nameOf(of), { of, value: BigInt(index) });
        });
        for (const of of removed) expect(live.delete(keyOf(of))).toBe(expected.delete(nameOf(of)));
        const wanted = [...expected.values()].sort((a, b) => b.of.prefixLength - a.of.prefixLength);
        for (const { address: sought } of [...added, ...removed]) {
          const fits = wanted.find(({ of }) => networkOf({ ...of, address: sought }) === networkOf(of));
          expect(live.lookup({ prefixLength: 32, data: { address: sought } })?.value).toBe(fits?.value);
        }
        const listed = [...live.entries()].map(([key, { value }]) => ({ of: key, value }));
        expect(listed).toHaveLength(wanted.length);
        for (const { of, value } of wanted) expect(listed).toContainEqual({ of: keyOf(of), value });
      }),
      { numRuns: 60 },
    );
  });

  test("per-CPU arrays: one CPU's value changes, the others stay", () => {
    const counters = arrayMap("counters", Wide, 1, { perCpu: true });
    const host = createHost();
    using live = host.createMap(counters.spec);
    observe(
      host,
      () => {
        const counter = counters.lookup(0).orPass();
        counter.value = counter.value.add(3);
      },
      { maps: [live] },
    );
    const perCpu = live.lookupPerCpu(0) ?? [];
    const changed = perCpu.filter(({ value }) => value !== 0n);
    expect(perCpu.length).toBeGreaterThan(0);
    expect(changed).toEqual([{ value: 3n }]);
  });

  test("global data, at its fixed address", () => {
    const Settings = struct("settings", { first: u32, wide: u64, ports: list(be16, 2) });
    const settings = global("settings", Settings);
    const host = createHost();
    using live = host.createMap(settings.spec);
    live.update(0, { first: 3, wide: 4n, ports: [80, 443] });
    const { values } = observe(
      host,
      (_packet, keep) => {
        keep(settings.value.first);
        keep(settings.value.wide);
        keep(settings.value.ports.at(1).toHost());
        settings.value.wide = settings.value.wide.shl(8);
      },
      { maps: [live] },
    );
    expect(values).toEqual([3n, 4n, 443n]);
    expect(live.lookup(0)).toMatchObject({ first: 3, wide: 0x400n });
  });
}
