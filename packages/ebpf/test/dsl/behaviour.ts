// What each part of the DSL does to numbers, packets and maps, as tests over any host: the interpreter and the
// kernel are held to the same words.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  arrayMap,
  arrayOfArrays,
  atomic,
  be16,
  be32,
  be64,
  type BpfHost,
  bytes,
  checksum,
  checksumChange,
  choose,
  fn,
  global,
  guard,
  hashMap,
  type Int,
  leave,
  list,
  loop,
  pointer,
  referenceVariable,
  repeat,
  stack,
  struct,
  tx,
  u16,
  u32,
  u64,
  u8,
  variable,
  verdict,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import { observe } from "./observe.ts";

const PASS = 2;
const TX = 3;
const Word = struct("word", { value: u32 });
const Wide = struct("wide", { value: u64 });
const numbers = struct("numbers", { w0: u32, w1: u32, x0: u64, x1: u64, n16: be16, n32: be32, n64: be64 });

/** Registers the tests; `createHost` is called once for each. */
export function describeBehaviour(name: string, createHost: () => BpfHost): void {
  describe(`${name}: numbers`, () => describeNumbers(createHost));
  describe(`${name}: memory`, () => describeMemory(createHost));
  describe(`${name}: maps`, () => describeMaps(createHost));
  describe(`${name}: packets`, () => describePackets(createHost));
  describe(`${name}: functions and loops`, () => describeFunctions(createHost));
}

const EDGES32 = [0n, 1n, 2n, 7n, 31n, 32n, 33n, 255n, 256n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn];
const EDGES64 = [...EDGES32, 63n, 64n, 65n, 0x1_0000_0000n, 1n << 63n, (1n << 63n) - 1n, (1n << 64n) - 1n];
const OPERATORS = ["add", "sub", "mul", "div", "mod", "and", "or", "xor", "shl", "shr"] as const;
const COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"] as const;

function packetOf(values: Partial<Record<keyof typeof numbers.fields, number | bigint>>): Uint8Array {
  const zero = { w0: 0, w1: 0, x0: 0n, x1: 0n, n16: 0, n32: 0, n64: 0n };
  return numbers.encode({ ...zero, ...values } as ReturnType<typeof numbers.decode>);
}

function describeNumbers(createHost: () => BpfHost): void {
  const bit = (condition: Parameters<typeof choose>[0]) => choose(condition, u32(1), u32(0));

  test.each([32, 64] as const)("%i bits: what is folded while building equals what is computed at run time", (bits) => {
    const operand = fc.constantFrom(...(bits === 32 ? EDGES32 : EDGES64));
    fc.assert(
      fc.property(operand, operand, (a, b) => {
        const packet = packetOf(bits === 32 ? { w0: Number(a), w1: Number(b) } : { x0: a, x1: b });
        const make = (value: bigint): Int => (bits === 32 ? u32(value) : u64(value));
        const { values } = observe(
          createHost(),
          (staged, keep) => {
            const header = staged.read(numbers).orPass();
            const [x, y] = bits === 32 ? [header.w0, header.w1] : [header.x0, header.x1];
            const pairs: [Int, Int | bigint][] = [
              [x as Int, y as Int],
              [x as Int, b],
              [make(a), y as Int],
              [make(a), make(b)],
            ];
            for (const operator of OPERATORS) for (const [left, right] of pairs) keep(left[operator](right));
            for (const comparison of COMPARISONS) {
              for (const [left, right] of pairs.slice(1)) keep(bit(left[comparison](right)));
            }
          },
          { packet },
        );
        for (let at = 0; at < OPERATORS.length * 4; at += 4) {
          expect(new Set(values.slice(at, at + 4)).size, `${a} ${OPERATORS[at / 4]} ${b}`).toBe(1);
        }
        const compared = values.slice(OPERATORS.length * 4);
        const expected = [a === b, a !== b, a < b, a <= b, a > b, a >= b].flatMap((holds) => [holds, holds, holds]);
        expect(compared).toEqual(expected.map((holds) => (holds ? 1n : 0n)));
      }),
      { numRuns: 40 },
    );
  });

  test("byte order: conversion both ways, comparison with literals and with each other", () => {
    const packet = packetOf({ n16: 0x1234, n32: 0xfedc_ba98, n64: 0x0102_0304_0506_0708n });
    const { values } = observe(
      createHost(),
      (staged, keep) => {
        const { n16, n32, n64 } = staged.read(numbers).orPass();
        for (const value of [n16, n32, n64]) keep(value.toHost());
        for (const value of [n16, n32, n64]) keep(value.raw());
        keep(n16.toHost().toNet().raw());
        keep(n32.toHost().toNet().raw());
        keep(n64.toHost().toNet().raw());
        for (const isSame of [
          n16.eq(0x1234),
          n32.eq(0xfedc_ba98),
          n64.eq(0x0102_0304_0506_0708n),
          n16.eq(be16(0x1234)),
          n32.ne(be32(0xfedc_ba98)),
          be64(5).eq(5),
          n16.ne(0x3412),
          n32.eq(n32),
        ]) {
          keep(bit(isSame));
        }
      },
      { packet },
    );
    const raw = [0x3412n, 0x98ba_dcfen, 0x0807_0605_0403_0201n];
    expect(values).toEqual([
      0x1234n,
      0xfedc_ba98n,
      0x0102_0304_0506_0708n,
      ...raw,
      ...raw,
      1n,
      1n,
      1n,
      1n,
      0n,
      1n,
      1n,
      1n,
    ]);
  });

  test("signed reading, narrowing, conditions joined", () => {
    const packet = packetOf({ w0: 0x8000_0001, x0: 1n << 63n });
    const { values } = observe(
      createHost(),
      (staged, keep) => {
        const { w0, x0 } = staged.read(numbers).orPass();
        keep(bit(w0.isNegative()));
        keep(bit(x0.isNegative()));
        keep(bit(w0.toU64().isNegative()));
        keep(bit(u32(0xffff_ffff).isNegative()));
        keep(w0.add(0xfffe).toU16());
        keep(w0.add(0xff).toU8());
        keep(x0.shr(31).toU32());
        keep(bit(w0.eq(0x8000_0001).and(x0.ne(0))));
        keep(bit(w0.eq(0).and(x0.ne(0))));
        keep(bit(w0.eq(0).or(x0.eq(0)).not()));
        keep(bit(u32(1).eq(1).or(x0.eq(0))));
      },
      { packet },
    );
    expect(values).toEqual([1n, 1n, 0n, 1n, 0xffffn, 0n, (1n << 32n) & 0xffff_ffffn, 1n, 0n, 1n, 1n]);
  });
}

/** RFC 1071 over whole 16-bit words. */
function fullChecksum(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 2) sum += ((data[at] as number) << 8) | (data[at + 1] as number);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function describeMemory(createHost: () => BpfHost): void {
  const Covered = struct("covered", { check: be16, port: be16, address: be32, other: be16, rest: bytes(6) });

  test("checksum(…).replace(…).fold() equals summing everything again", () => {
    const sample = fc.record({
      port: fc.nat(0xffff),
      address: fc.nat(0xffff_ffff),
      other: fc.integer({ min: 1, max: 0xffff }),
      rest: fc.uint8Array({ minLength: 6, maxLength: 6 }),
    });
    fc.assert(
      fc.property(sample, fc.nat(0xffff_ffff), fc.nat(0xffff), fc.boolean(), (before, address, port, isShared) => {
        const packet = new Uint8Array(64);
        packet.set(Covered.encode({ check: 0, ...before }));
        const check = fullChecksum(packet);
        packet.set(Covered.encode({ check, ...before }));
        const output = observe(
          createHost(),
          (staged) => {
            const header = staged.read(Covered).orPass();
            const [newAddress, newPort] = [be32(address), be16(port)];
            if (isShared) {
              const change = checksumChange().replace(header.address, newAddress).replace(header.port, newPort);
              header.check = checksum(header.check).plus(change).fold();
            } else {
              const changed = checksum(header.check).replace(header.address, newAddress);
              header.check = changed.replace(header.port, newPort).fold();
            }
            header.address = newAddress;
            header.port = newPort;
          },
          { packet },
        ).packet;
        const expected = new Uint8Array(64);
        expected.set(Covered.encode({ ...before, check: 0, address, port }));
        expect(Covered.decode(output).check).toBe(fullChecksum(expected));
        expect(fullChecksum(output)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("programs and codecs agree on every field of nested, padded and packed structures", () => {
    const Inner = struct("inner", { a: u8, b: u32 });
    const Outer = struct("outer", {
      first: u8,
      inner: Inner,
      port: be16,
      wide: u64,
      name: bytes(3),
      items: list(u16, 3),
    });
    const Packed = struct("packed", { a: u8, b: u32, c: be16, d: u64 }, { packed: true });
    expect([Outer.size, Packed.size]).toEqual([40, 15]);
    expect(Outer.offsets).toEqual({ first: 0, inner: 4, port: 12, wide: 16, name: 24, items: 28 });
    const value = {
      first: 1,
      inner: { a: 2, b: 0x0304_0506 },
      port: 8080,
      wide: 0x1122_3344_5566_7788n,
      name: Uint8Array.of(9, 8, 7),
      items: [10, 20, 30],
    };
    const packed = { a: 1, b: 2, c: 3, d: 4n };
    expect(Outer.decode(Outer.encode(value))).toEqual(value);
    expect(Packed.decode(Packed.encode(packed))).toEqual(packed);
    const packet = new Uint8Array(64);
    packet.set(Outer.encode(value));
    packet.set(Packed.encode(packed), Outer.size);
    const { values } = observe(
      createHost(),
      (staged, keep) => {
        const outer = staged.read(Outer).orPass();
        const tight = staged.read(Packed).orPass();
        keep(outer.first);
        keep(outer.inner.a);
        keep(outer.inner.b);
        keep(outer.port.toHost());
        keep(outer.wide);
        keep(outer.items.at(0));
        keep(outer.items.at(2));
        keep(tight.a);
        keep(tight.b);
        keep(tight.c.toHost());
        keep(tight.d);
      },
      { packet },
    );
    expect(values).toEqual([1n, 2n, 0x0304_0506n, 8080n, 0x1122_3344_5566_7788n, 10n, 30n, 1n, 2n, 3n, 4n]);
  });

  test("structures in the frame: written whole, with zeroed padding, copied whole and field by field", () => {
    const Key = struct("key", { a: u8, b: u32, c: u8 });
    const Swapped = struct("swapped", { c: u8, b: u32, a: u8 });
    const table = hashMap("table", Key, Wide, 4);
    const host = createHost();
    using live = host.createMap(table.spec);
    live.update({ a: 1, b: 2, c: 3 }, { value: 7n });
    const { values } = observe(
      host,
      (packet, keep) => {
        const length = packet.length();
        const key = stack(Key, { a: length.sub(63).toU8(), b: u32(2), c: 3 });
        keep(table.lookup(key).orPass().value);
        const foreign = stack(Swapped, { a: 1, b: 2, c: 3 });
        // The same fields, elsewhere: the key is made of them, not of the bytes.
        keep(table.lookup(foreign as unknown as typeof key).orPass().value);
        const copy = stack(Key, key);
        copy.b = u32(9);
        table.update(copy, { value: 8n });
        keep(copy.a);
        keep(key.b);
        keep(table.lookup({ a: 1, b: 9, c: 3 }).orPass().value);
      },
      { maps: [live] },
    );
    expect(values).toEqual([7n, 7n, 1n, 2n, 8n]);
  });

  test("lists: by a known index, by a staged one that may be too large, by a masked one", () => {
    const Row = struct("row", { pairs: list(struct("pair", { left: u16, right: u16 }), 4) });
    const rows = arrayMap("rows", Row, 1);
    const host = createHost();
    using live = host.createMap(rows.spec);
    live.update(0, { pairs: [0, 1, 2, 3].map((index) => ({ left: index, right: 10 * index })) });
    const { values } = observe(
      host,
      (packet, keep) => {
        const row = rows.lookup(0).orPass();
        const index = packet.length().sub(61);
        keep(row.pairs.at(2).right);
        row.pairs
          .lookup(index)
          .then((pair) => keep(pair.right))
          .otherwise(() => keep(u32(99)));
        const outside = variable(u32(0));
        row.pairs
          .lookup(index.add(1))
          .then(() => outside.set(u32(1)))
          .otherwise(() => outside.set(u32(2)));
        keep(outside.get());
        keep(row.pairs.masked(index.add(3)).right);
        row.pairs.masked(index).left = u16(77);
      },
      { maps: [live] },
    );
    // The second number of the staged lookup has a slot of its own, which is not written.
    expect(values).toEqual([20n, 30n, 0n, 2n, 20n]);
    expect(live.lookup(0)?.pairs[3]).toEqual({ left: 77, right: 30 });
  });

  test("references: assigned in branches, kept in structures, seen as another type", () => {
    const Holder = struct("holder", { target: pointer(Wide), count: u64 });
    const Halves = struct("halves", { low: u32, high: u32 });
    const cells = arrayMap("cells", Wide, 2);
    const host = createHost();
    using live = host.createMap(cells.spec);
    live.update(0, { value: 5n });
    live.update(1, { value: 0x7_0000_0006n });
    const { values } = observe(
      host,
      (packet, keep) => {
        const [zero, one] = [cells.lookup(0).orPass(), cells.lookup(1).orPass()];
        const chosen = referenceVariable(Wide);
        when(packet.length().eq(64), () => chosen.set(one)).otherwise(() => chosen.set(zero));
        keep(chosen.get().value);
        const holder = stack(Holder, { target: zero, count: 1n });
        holder.target.value = holder.target.value.add(holder.count);
        keep(zero.value);
        keep(viewAs(one, Wide, Halves).high);
      },
      { maps: [live] },
    );
    expect(values).toEqual([0x7_0000_0006n, 6n, 7n]);
  });
}

function describeMaps(createHost: () => BpfHost): void {
  test("hash maps: update modes, in-place changes, deletion", () => {
    const table = hashMap("table", Word, Wide, 4);
    const host = createHost();
    using live = host.createMap(table.spec);
    const { values } = observe(
      host,
      (_packet, keep) => {
        const isDone = (result: Int<"u64">) => keep(choose(result.eq(0), u32(1), u32(0)));
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

function describePackets(createHost: () => BpfHost): void {
  const Eight = struct("eight", { value: be64 });

  test("headers: one after another, absent behind the end, from cursors of their own", () => {
    const packet = Uint8Array.from({ length: 20 }, (_, index) => index);
    const { values } = observe(
      createHost(),
      (staged, keep) => {
        keep(staged.length());
        keep(staged.read(Eight).orPass().value.toHost());
        keep(staged.read(Eight).orPass().value.toHost());
        const isShort = variable(u32(1));
        staged
          .cursorAt(13)
          .read(Eight)
          .then(() => isShort.set(u32(0)));
        keep(isShort.get());
        keep(staged.cursorAt(12).read(Eight).orPass().value.toHost());
        const offset = staged.length().sub(16).and(7);
        const cursor = staged.cursorAt(offset);
        cursor.read(Word).orPass();
        when(offset.eq(4), () => keep(cursor.fork().read(Word).orPass().value));
      },
      { packet },
    );
    const at = (offset: number) => new DataView(packet.buffer).getBigUint64(offset);
    const word = BigInt(new DataView(packet.buffer).getUint32(8, true));
    expect(values).toEqual([20n, at(0), at(8), 1n, at(12), word]);
  });

  test.each([-8, 8])("adjustHead(%i): the packet grows or shrinks at its start and is read again", (delta) => {
    const packet = Uint8Array.from({ length: 40 }, (_, index) => index);
    const output = observe(
      createHost(),
      (staged, keep) => {
        keep(staged.read(Eight).orPass().value.toHost());
        guard(staged.adjustHead(delta).eq(0)).orDrop({ name: "no room", code: 0 });
        keep(staged.length());
        const first = staged.read(Eight).orPass();
        first.value = be64(0x0a0b_0c0d_0e0f_1011n);
        keep(staged.read(Eight).orPass().value.toHost());
        return tx();
      },
      { packet },
    );
    expect(output.verdict).toBe(TX);
    expect(output.packet.length).toBe(40 - delta);
    expect([...output.packet.subarray(0, 8)]).toEqual([10, 11, 12, 13, 14, 15, 16, 17]);
    const at = (offset: number) => new DataView(packet.buffer).getBigUint64(offset);
    expect(output.values).toEqual([at(0), BigInt(40 - delta), at(delta + 8)]);
  });

  test("fields of bytes are copied from packet to packet", () => {
    const Ethernet = struct("ethernet", { destination: bytes(6), source: bytes(6), type: be16 });
    const packet = Uint8Array.from({ length: 64 }, (_, index) => index);
    const output = observe(
      createHost(),
      (staged) => {
        const header = staged.read(Ethernet).orPass();
        const kept = stack(Ethernet, header);
        header.destination = kept.source;
        header.source = kept.destination;
        header.type = be16(0x0800);
        return tx();
      },
      { packet },
    );
    expect([...output.packet.subarray(0, 14)]).toEqual([6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 8, 0]);
  });
}

function describeFunctions(createHost: () => BpfHost): void {
  test("a function: called twice, early return, a structure of its caller's frame, a verdict", () => {
    const Pair = struct("pair", { left: u32, right: u32 });
    const bigger = fn("bigger", { pair: Pair, least: u32, network: be16 }, u32, ({ pair, least, network }) => {
      guard(pair.left.ge(least)).orReturn(1);
      pair.right = pair.right.add(network.toHost());
      return choose(pair.left.gt(pair.right), pair.left, pair.right);
    });
    const { values, verdict: result } = observe(createHost(), (packet, keep) => {
      const pair = stack(Pair, { left: packet.length(), right: 100 });
      keep(bigger({ pair, least: u32(65), network: be16(1) }));
      keep(bigger({ pair, least: u32(64), network: be16(2) }));
      keep(pair.right);
      return verdict(packet.length().div(32));
    });
    expect(values).toEqual([1n, 102n, 102n]);
    expect(result).toBe(2);
  });

  test("loops: all rounds, a staged bound, leaving and going on early, one inside another", () => {
    const { values } = observe(createHost(), (packet, keep) => {
      const sum = variable(u32(0));
      repeat(5, (index) => sum.set(sum.get().add(index)));
      keep(sum.get());
      repeat({ times: packet.length().sub(61), atMost: 10 }, () => sum.set(sum.get().add(100)));
      keep(sum.get());
      repeat({ times: packet.length(), atMost: 10 }, (index, round) => {
        when(index.eq(1), () => round.next());
        when(index.eq(4), () => round.stop());
        sum.set(sum.get().add(1000));
      });
      keep(sum.get());
      const pairs = variable(u32(0));
      repeat(3, (outer, outside) =>
        repeat(3, (inner) => {
          when(outer.eq(2).and(inner.eq(1)), () => outside.stop());
          pairs.set(pairs.get().mul(4).add(inner));
        }),
      );
      keep(pairs.get());
    });
    expect(values).toEqual([10n, 310n, 3310n, 0b00_01_10_00_01_10_00n]);
  });

  test("the kernel's own loop: a body in a function of its own", () => {
    const Progress = struct("progress", { sum: u64, stopAt: u32 });
    const { values } = observe(createHost(), (packet, keep) => {
      const progress = stack(Progress, { sum: 0n, stopAt: packet.length() });
      loop("body", u32(1000), Progress, progress, (index, state) => {
        state.sum = state.sum.add(index);
        guard(index.lt(state.stopAt)).orReturn(1);
      });
      keep(progress.sum);
    });
    expect(values).toEqual([2080n]);
  });
}
