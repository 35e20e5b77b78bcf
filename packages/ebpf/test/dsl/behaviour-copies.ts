// How the DSL copies structures that lie inside of others, from and to packet, map and frame; in any host.

import { expect, test } from "vitest";
import {
  be16,
  be32,
  type BpfHost,
  bytes,
  fn,
  hashMap,
  list,
  pointer,
  type Reference,
  referenceVariable,
  stack,
  type StagedOf,
  struct,
  u32,
  u64,
  u8,
  viewAs,
} from "@yardmaster/ebpf";
import { type Keep, observe } from "./observe.ts";

const Wide = struct("wide", { value: u64 });
const Address = struct("address", { a: be32, b: be32, c: be16, rest: bytes(6) });
const address = (seed: number) => ({
  a: 0x0102_0304 + seed,
  b: 0x1112_1314 + seed,
  c: 0x2122 + seed,
  rest: Uint8Array.of(1, 2, 3, 4, 5, 6 + seed),
});

/** Structures with an address at bytes 4, 8, 2 and 12 of them, and all of these in one. */
const Key = struct("key", { port: be16, address: Address });
const Late = struct("late", { wide: u64, address: Address });
const Tight = struct("tight", { port: be16, address: Address }, { packed: true });
const Deep = struct("deep", { first: u64, within: Key });

/** What `keepAddress` keeps of `address(seed)`. */
function numbersOf(seed: number): bigint[] {
  const { a, b, c, rest } = address(seed);
  return [a, b, c, rest[0] as number, rest[5] as number].map(BigInt);
}

function keepAddress(keep: Keep, reference: Reference<typeof Address.fields>): void {
  keep(reference.a.toHost());
  keep(reference.b.toHost());
  keep(reference.c.toHost());
  const six = viewAs(reference.rest, bytes(6), Six);
  keep(six.first);
  keep(six.last);
}
const Six = struct("six", { first: u8, between: bytes(4), last: u8 });
type U32 = StagedOf<typeof u32>;

/** Registers the tests; `createHost` is called once for each. */
export function describeCopies(createHost: () => BpfHost): void {
  test.each([0, 1, 2, 3, 5, 7])("from byte %i of the packet, from maps and the frame, into keys and values", (at) => {
    const table = hashMap("table", Key, Late, 4);
    const deeper = hashMap("deeper", Deep, Wide, 4);
    const tight = hashMap("tight", Tight, Wide, 4);
    const host = createHost();
    using live = host.createMap(table.spec);
    using liveDeeper = host.createMap(deeper.spec);
    using liveTight = host.createMap(tight.spec);
    live.update({ port: 80, address: address(0) }, { wide: 7n, address: address(1) });
    live.update({ port: 80, address: address(1) }, { wide: 8n, address: address(2) });
    liveDeeper.update({ first: 5n, within: { port: 443, address: address(1) } }, { value: 9n });
    liveTight.update({ port: 22, address: address(0) }, { value: 10n });
    const packet = new Uint8Array(64);
    packet.set(Address.encode(address(0)), at);
    const { values, packet: output } = observe(
      host,
      (staged, keep) => {
        const inPacket = staged.cursorAt(at).read(Address).orPass();
        const found = table.lookup({ port: be16(80), address: inPacket }).orPass();
        keep(found.wide);
        keep(table.lookup({ port: be16(80), address: found.address }).orPass().wide);
        const key = stack(Key, { port: be16(443), address: found.address });
        keep(deeper.lookup({ first: u64(5), within: key }).orPass().value);
        const deep = stack(Deep, { first: 5n, within: key });
        keep(deeper.lookup(deep).orPass().value);
        keep(tight.lookup({ port: be16(22), address: inPacket }).orPass().value);
        keep(tight.lookup(stack(Tight, { port: be16(22), address: inPacket })).orPass().value);
        table.update({ port: be16(1), address: deep.within.address }, { wide: u64(1), address: inPacket });
        inPacket.b = be32(0);
        found.address = inPacket;
        const behind = staged
          .cursorAt(40 + at)
          .read(Address)
          .orPass();
        staged
          .cursorAt(20 + at)
          .read(Key)
          .orPass().address = deep.within.address;
        deep.within.address = inPacket;
        behind.a = deep.within.address.a;
        behind.rest = deep.within.address.rest;
      },
      { packet, maps: [live, liveDeeper, liveTight] },
    );
    expect(values).toEqual([7n, 8n, 9n, 9n, 10n, 10n]);
    expect(live.lookup({ port: 1, address: address(1) })).toEqual({ wide: 1n, address: address(0) });
    expect(live.lookup({ port: 80, address: address(0) })).toEqual({ wide: 7n, address: { ...address(0), b: 0 } });
    expect(Address.decode(output.subarray(24 + at))).toEqual(address(1));
    expect(Address.decode(output.subarray(40 + at))).toEqual({ a: address(0).a, b: 0, c: 0, rest: address(0).rest });
  });

  test("within a function, whose structures lie in a frame or elsewhere", () => {
    const table = hashMap("table", Key, Late, 4);
    const host = createHost();
    using live = host.createMap(table.spec);
    live.update({ port: 80, address: address(0) }, { wide: 7n, address: address(1) });
    const copy = fn("copy", { to: Key, from: Address }, u32, ({ to, from }) => {
      to.address = from;
      const own = stack(Deep, { first: 0n, within: to });
      own.within.address.b = be32(9);
      from.rest = own.within.address.rest;
      to.port = own.within.address.c;
      return own.within.address.b.toHost();
    });
    const packet = new Uint8Array(64);
    packet.set(Address.encode(address(0)), 1);
    const { values } = observe(
      host,
      (staged, keep) => {
        const inPacket = staged.cursorAt(1).read(Address).orPass();
        const found = table.lookup({ port: be16(80), address: inPacket }).orPass();
        const deep = stack(Deep, { first: 1n, within: { port: 80, address: address(3) } });
        for (const from of [inPacket, found.address, stack(Key, { port: 1, address: address(2) }).address]) {
          keep(copy({ to: deep.within, from }));
          keep(deep.within.port.toHost());
          keepAddress(keep, deep.within.address);
        }
      },
      { packet, maps: [live] },
    );
    expect(values).toEqual([0, 1, 2].flatMap((seed) => [9n, BigInt(address(seed).c), ...numbersOf(seed)]));
  });

  test("within a function, out of a list in a frame, by a staged index", () => {
    const Item = struct("item", { left: u32, middle: u32, right: u32 });
    const Items = struct("items", { items: list(Item, 2), count: u64 });
    const pick = fn("pick", { from: Items, index: u32 }, u32, ({ from, index }) => {
      const item = stack(Item, from.items.masked(index));
      return item.left.mul(100).add(item.middle.mul(10)).add(item.right);
    });
    const { values } = observe(createHost(), (packet, keep) => {
      const items = stack(Items);
      items.count = u64(2);
      for (const index of [0, 1]) {
        const item = items.items.at(index);
        [item.left, item.middle, item.right] = [1, 2, 3].map((digit) => u32(digit + 3 * index)) as [U32, U32, U32];
      }
      keep(pick({ from: items, index: packet.length().sub(63) }));
      keep(pick({ from: items, index: packet.length() }));
    });
    expect(values).toEqual([456n, 123n]);
  });

  test("through addresses kept in structures and variables", () => {
    const Holder = struct("holder", { key: pointer(Key) });
    const packet = new Uint8Array(64);
    packet.set(Address.encode(address(0)), 1);
    const { values } = observe(
      createHost(),
      (staged, keep) => {
        const inPacket = staged.cursorAt(1).read(Address).orPass();
        const deep = stack(Deep, { first: 1n, within: { port: 80, address: address(3) } });
        const holder = stack(Holder, { key: deep.within });
        holder.key.address = inPacket;
        keepAddress(keep, deep.within.address);
        const chosen = referenceVariable(Key);
        chosen.set(stack(Key, { port: 1, address: address(2) }));
        deep.within.address = chosen.get().address;
        keepAddress(keep, deep.within.address);
        chosen.set(deep.within);
        chosen.get().address = inPacket;
        keepAddress(keep, deep.within.address);
      },
      { packet },
    );
    expect(values).toEqual([0, 2, 0].flatMap(numbersOf));
  });
}
