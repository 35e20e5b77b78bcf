// What the DSL sums up: bytes of the packet, of the frame and of maps, whole and by difference; in any host.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  arrayMap,
  be16,
  be32,
  type BpfHost,
  bytes,
  checksum,
  checksumDifference,
  type ChecksumUpdate,
  guard,
  stack,
  struct,
  tx,
  u16,
  u32,
  viewAs,
} from "@yardmaster/ebpf";
import { internetChecksum } from "./internet-checksum.ts";
import { observe } from "./observe.ts";

const TX = 3;
const Block = struct("block", { of: bytes(16) });
const Pair = struct("pair", { left: be32, right: be16, check: be16 });

/** Registers the tests; `createHost` is called once for each. */
export function describeChecksums(createHost: () => BpfHost): void {
  const blocks = arrayMap("blocks", Block, 1);
  const block = fc.uint8Array({ minLength: 16, maxLength: 16 });

  test("bytes of the packet, of the frame and of a map, from one to the other, on top of a seed", () => {
    const host = createHost();
    using live = host.createMap(blocks.spec);
    fc.assert(
      fc.property(block, block, fc.nat(0xffff), (inMap, inPacket, seed) => {
        live.update(0, { of: inMap });
        const packet = new Uint8Array(64);
        packet.set(inPacket, 3);
        const { values } = observe(
          host,
          (staged, keep) => {
            const keepFolded = (sum: ChecksumUpdate) => keep(sum.fold().toHost());
            const there = staged.cursorAt(3).read(Block).orPass().of;
            const here = stack(Block, { of: inMap }).of;
            const stored = blocks.lookup(0).orPass().of;
            const staged16 = staged.length().add(seed).sub(64);
            keepFolded(checksumDifference({ to: there }));
            keepFolded(checksumDifference({ to: here }));
            keepFolded(checksumDifference({ to: stored, seed: staged16 }));
            keepFolded(checksumDifference({ from: stored, to: there }));
            keepFolded(checksumDifference({ from: there, to: here, seed: staged16 }));
            keepFolded(checksumDifference({ from: here, seed: u32(0x1234) }));
            keepFolded(checksumDifference({ from: there }).plus(checksumDifference({ to: there })));
            keepFolded(checksumDifference({}));
          },
          { packet, maps: [live] },
        );
        const sum = (of: Uint8Array) => ~internetChecksum(of) & 0xffff;
        const swapped = (value: number) => ((value & 0xff) << 8) | (value >> 8);
        const expected = [
          sum(inPacket),
          sum(inMap),
          sum(inMap) + swapped(seed),
          sum(inPacket) - sum(inMap),
          sum(inMap) - sum(inPacket) + swapped(seed),
          swapped(0x1234) - sum(inMap),
          0,
          0,
        ];
        // 0 and 0xffff are the same one's-complement number.
        const modulo = (of: number) => ((of % 0xffff) + 0xffff) % 0xffff;
        expect(values.map((value) => modulo(0xffff - Number(value)))).toEqual(expected.map(modulo));
      }),
      { numRuns: 30 },
    );
  });

  test("a structure that changes: its difference is added to the checksum that covers it", () => {
    const packet = new Uint8Array(64);
    const before = { left: 0x0102_0304, right: 0x0506, check: 0 };
    packet.set(Pair.encode({ ...before, check: internetChecksum(Pair.encode(before)) }));
    const output = observe(
      createHost(),
      (staged) => {
        const pair = staged.read(Pair).orPass();
        const old = stack(Pair, pair);
        pair.left = be32(0xfedc_ba98);
        const [from, to] = [old, pair].map((of) => viewAs(of, Pair, bytes(4)));
        pair.check = checksum(pair.check).plus(checksumDifference({ from, to })).fold();
      },
      { packet },
    );
    const after = Pair.decode(output.packet);
    expect(after).toEqual({
      ...before,
      left: 0xfedc_ba98,
      check: internetChecksum(Pair.encode({ ...after, check: 0 })),
    });
  });

  test.each([548, 1, 4, 20, 512, 1300, 2047])("a stretch of the packet of any length up to %i", (atMost) => {
    const host = createHost();
    const at = 5;
    const packet = Uint8Array.from({ length: 1200 }, (_, index) => (index * 37) ^ (index >> 3));
    const Size = struct("size", { size: u16, atMost: u16 });
    const lengths = [0, 1, 2, 3, 4, 5, 19, 20, 21, 63, 511, 512, 547, 548, 549, 1024, 1194, 1195, 1196, 1299, 65535];
    for (const size of lengths) {
      packet.set(Size.encode({ size, atMost }));
      const { values, verdict } = observe(
        host,
        (staged, keep) => {
          const wanted = staged.read(Size).orPass().size;
          const cursor = staged.cursorAt(at);
          keep(cursor.checksum(wanted, { atMost }).orLeave(tx()).fold().toHost());
          keep(cursor.read(Pair).orPass().left.toHost());
        },
        { packet },
      );
      const isThere = size <= atMost && at + size <= packet.length;
      expect([size, verdict === TX]).toEqual([size, !isThere]);
      const left = BigInt(new DataView(packet.buffer).getUint32(at));
      const sum = BigInt(internetChecksum(packet.subarray(at, at + size)));
      expect([size, ...values]).toEqual([size, ...(isThere ? [sum, left] : [0n, 0n])]);
    }
  });

  test("from a cursor at a staged place, of what is left of a packet that has just been cut and grown", () => {
    const packet = Uint8Array.from({ length: 700 }, (_, index) => index & 0xff);
    const Start = struct("start", { offset: u16 });
    packet.set(Start.encode({ offset: 301 }));
    const { values, packet: output } = observe(
      createHost(),
      (staged, keep) => {
        const offset = staged.read(Start).orPass().offset.and(511);
        guard(staged.adjustTail(-50).eq(0)).orDrop({ name: "no room", code: 0 });
        guard(staged.adjustHead(-8).eq(0)).orDrop({ name: "no room", code: 0 });
        staged.read(Block).orPass().of = stack(Block, { of: new Uint8Array(16) }).of;
        const size = staged.length().sub(offset);
        keep(staged.cursorAt(offset).checksum(size, { atMost: 700 }).orPass().fold().toHost());
      },
      { packet },
    );
    expect(output.length).toBe(658);
    expect(values).toEqual([BigInt(internetChecksum(output.subarray(301)))]);
  });
}
