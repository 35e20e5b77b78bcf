// What the DSL does to maps: modes, atomics, maps in maps, per-CPU and global data; in any host.

import { expect, test } from "vitest";
import {
  arrayMap,
  arrayOfArrays,
  atomic,
  be16,
  type BpfHost,
  choose,
  global,
  hashMap,
  type Int,
  leave,
  list,
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
