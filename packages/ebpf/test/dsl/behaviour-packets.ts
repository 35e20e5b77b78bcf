// What the DSL does to packets: headers, cursors, room at the start; in any host.

import { expect, test } from "vitest";
import { be16, be64, type BpfHost, bytes, guard, stack, struct, tx, u32, variable, when } from "@yardmaster/ebpf";
import { observe } from "./observe.ts";

const TX = 3;
const Word = struct("word", { value: u32 });

/** Registers the tests; `createHost` is called once for each. */
export function describePackets(createHost: () => BpfHost): void {
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
        keep(staged.offsetOf(cursor));
        cursor.read(Word).orPass();
        when(offset.eq(4), () => keep(cursor.fork().read(Word).orPass().value));
      },
      { packet },
    );
    const at = (offset: number) => new DataView(packet.buffer).getBigUint64(offset);
    const word = BigInt(new DataView(packet.buffer).getUint32(8, true));
    expect(values).toEqual([20n, at(0), at(8), 1n, at(12), 4n, word]);
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

  const noRoom = { name: "no room", code: 0 };

  test.each([
    [-8, 32],
    [8, 48],
    [-26, 14],
    // As much as the kernel's test run has: a page, less headroom and struct skb_shared_info.
    [4096 - 256 - 320 - 40, 3520],
  ])("adjustTail(%i): the packet shrinks or grows at its end and is read again", (delta, length) => {
    const packet = Uint8Array.from({ length: 40 }, (_, index) => index + 1);
    for (const isStaged of [false, true]) {
      const output = observe(
        createHost(),
        (staged, keep) => {
          const by = isStaged ? staged.length().add((delta - 40) >>> 0) : delta;
          guard(staged.adjustTail(by).eq(0)).orDrop(noRoom);
          keep(staged.length());
          staged
            .cursorAt(length - 8)
            .read(Eight)
            .orPass().value = be64(1);
          return tx();
        },
        { packet },
      );
      expect(output.verdict).toBe(TX);
      expect(output.values).toEqual([BigInt(length)]);
      const expected = new Uint8Array(length);
      expected.set(packet.subarray(0, length));
      expected.set(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1), length - 8);
      expect(output.packet).toEqual(expected);
    }
  });

  test("what is cut off is zero when the packet grows again", () => {
    const { packet } = observe(
      createHost(),
      (staged) => {
        guard(staged.adjustTail(-4).eq(0)).orDrop(noRoom);
        guard(staged.adjustTail(4).eq(0)).orDrop(noRoom);
      },
      { packet: new Uint8Array(20).fill(7) },
    );
    expect([...packet]).toEqual([...new Uint8Array(16).fill(7), 0, 0, 0, 0]);
  });

  test("adjustTail leaves 14 bytes, and takes no more room than there is", () => {
    for (const delta of [-27, 4096 - 256 - 320 - 40 + 1, 0x7fff_ffff, -0x8000_0000]) {
      const { values, packet } = observe(createHost(), (staged, keep) => keep(staged.adjustTail(delta)), {
        packet: new Uint8Array(40),
      });
      expect([values, packet.length]).toEqual([[BigInt.asUintN(64, -22n)], 40]);
    }
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
