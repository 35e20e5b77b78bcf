// What the DSL does to memory: checksums, structures, lists, references; in any host.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  arrayMap,
  be16,
  be32,
  type BpfHost,
  bytes,
  checksum,
  checksumChange,
  hashMap,
  list,
  pointer,
  referenceVariable,
  stack,
  struct,
  u16,
  u32,
  u64,
  u8,
  variable,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import { internetChecksum } from "./internet-checksum.ts";
import { observe } from "./observe.ts";

const Wide = struct("wide", { value: u64 });

/** Registers the tests; `createHost` is called once for each. */
export function describeMemory(createHost: () => BpfHost): void {
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
        const check = internetChecksum(packet);
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
        expect(Covered.decode(output).check).toBe(internetChecksum(expected));
        expect(internetChecksum(output)).toBe(0);
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
