// What global functions do, which the kernel verifies on their own: the same as others; in any host.

import { expect, test } from "vitest";
import {
  arrayMap,
  be16,
  be32,
  type BpfHost,
  compile,
  fn,
  guard,
  hashMap,
  leave,
  Packet,
  pass,
  referenceVariable,
  stack,
  struct,
  tx,
  u32,
  u8,
  verdictFn,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { observe } from "./observe.ts";

const GLOBAL = { isGlobal: true } as const;
const Pair = struct("pair", { left: u32, right: u32 });
const Header = struct("header", { first: u8, second: u8, type: be16 });
const DROP = 1;
const PASS = 2;
const TX = 3;

/** Registers the tests; `createHost` is called once for each. */
export function describeGlobals(createHost: () => BpfHost): void {
  test("numbers, network order, structures of the frame and of a map, early return", () => {
    const pairs = arrayMap("pairs", Pair, 1);
    const add = fn(
      "add",
      { from: Pair, to: Pair, least: u32, network: be16 },
      u32,
      ({ from, to, least, network }) => {
        guard(from.left.ge(least)).orReturn(1);
        to.right = to.right.add(from.right).add(network.toHost());
        return to.right;
      },
      GLOBAL,
    );
    const { values } = observe(createHost(), (packet, keep) => {
      const from = stack(Pair, { left: packet.length(), right: 100 });
      const to = pairs.lookup(0).orPass();
      keep(add({ from, to, least: u32(65), network: be16(1) }));
      keep(add({ from, to, least: u32(64), network: be16(2) }));
      keep(add({ from: to, to: from, least: u32(0), network: be16(3) }));
      keep(to.right);
      keep(from.right);
    });
    expect(values).toEqual([1n, 102n, 205n, 102n, 205n]);
  });

  test("its structures as keys and values of maps, also through a variable and one function further on", () => {
    const Key = struct("key", { a: be32, b: u32 });
    const table = hashMap("table", Key, Pair, 4);
    const find = fn(
      "find",
      { key: Key },
      u32,
      ({ key }) => {
        const chosen = referenceVariable(Key);
        chosen.set(key);
        return table.lookup(chosen.get()).orReturn(7).right;
      },
      GLOBAL,
    );
    const put = fn(
      "put",
      { key: Key, value: Pair },
      u32,
      ({ key, value }) => {
        const found = find({ key });
        table.update(key, value);
        return found.add(find({ key }));
      },
      GLOBAL,
    );
    const { values } = observe(createHost(), (_packet, keep) => {
      const key = stack(Key, { a: be32(1), b: 2 });
      keep(put({ key, value: stack(Pair, { left: 3, right: 40 }) }));
      keep(table.delete(key));
      keep(find({ key }));
    });
    expect(values).toEqual([47n, 0n, 7n]);
  });

  test("the packet: read and written in the function, its own references good in the caller", () => {
    const mark = fn(
      "mark",
      { packet: Packet, value: u8 },
      u32,
      ({ packet, value }) => {
        const header = packet.read(Header).orReturn(0);
        header.second = value;
        return header.first.toU32();
      },
      GLOBAL,
    );
    const output = observe(
      createHost(),
      (packet, keep) => {
        const header = packet.read(Header).orPass();
        keep(mark({ packet, value: u8(9) }));
        keep(header.second);
      },
      { packet: Uint8Array.from({ length: 64 }, (_, index) => index + 1) },
    );
    expect(output.values).toEqual([1n, 9n]);
    expect(output.packet[1]).toBe(9);
  });

  test.each([GLOBAL, {}])("the packet's bounds moved in a function that a function calls (%o)", (options) => {
    const grow = fn("grow", { packet: Packet }, u32, ({ packet }) => packet.adjustHead(-4).toU32(), options);
    const growTwice = fn(
      "grow_twice",
      { packet: Packet },
      u32,
      ({ packet }) => {
        guard(grow({ packet }).eq(0)).orReturn(1);
        packet.read(Header).orReturn(2).first = u8(0xaa);
        return grow({ packet });
      },
      options,
    );
    const output = observe(createHost(), (packet, keep) => {
      packet.read(Header).orPass();
      keep(growTwice({ packet }));
      const header = packet.read(Header).orPass();
      header.second = u8(0xbb);
      keep(packet.length());
      return tx();
    });
    expect(output.values).toEqual([0n, 72n]);
    expect(output.verdict).toBe(TX);
    expect([...output.packet.subarray(0, 5)]).toEqual([0, 0xbb, 0, 0, 0xaa]);
  });

  test("a function with verdicts: its guards leave, and are counted as the program's", () => {
    const Counter = struct("counter", { packets: u32 });
    const counters = arrayMap("counters", Counter, 4);
    const decide = verdictFn(
      "decide",
      { packet: Packet, least: u32 },
      ({ packet, least }) => {
        guard(packet.length().ge(least)).orDrop({ name: "short", code: 1 });
        const header = packet.read(Header).orDrop({ name: "none", code: 0 });
        when(header.first.eq(1), () => leave(tx()));
        return pass({ name: "other", code: 2 });
      },
      GLOBAL,
    );
    const host = createHost();
    const spec = compile(
      xdp("deciding", (packet) => decide({ packet, least: u32(40) }), {
        count: (reason) =>
          void counters.lookup(reason).then((counter) => {
            counter.packets = counter.packets.add(1);
          }),
      }),
    );
    using map = host.createMap(counters.spec);
    using program = host.loadProgram(spec, new Map([[counters.spec.name, map]]));
    const verdictOf = (length: number, first: number) =>
      program.run({ packet: new Uint8Array(length).fill(first) }).verdict;
    expect([verdictOf(39, 0), verdictOf(40, 0), verdictOf(64, 1), verdictOf(64, 0)]).toEqual([DROP, PASS, TX, PASS]);
    expect([0, 1, 2, 3].map((code) => map.lookup(code)?.packets)).toEqual([0, 1, 2, 0]);
  });
}
