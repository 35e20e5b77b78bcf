// Ring buffers: records that a program leaves are read in order, once, around the end of the ring and on.

import { assertNothingOpen, pageSize } from "@yardmaster/linux";
import { afterEach, expect, test } from "vitest";
import * as asm from "../asm/index.ts";
import { describeKernel, mapSpec, programSpec, XDP_PASS } from "../../test/kernel-test.ts";
import { createKernelMap } from "./map.ts";
import { loadKernelProgram } from "./program.ts";
import { RingBuffer } from "./ring-buffer.ts";

const { r0, r1, r2, r3, r4, r6, fp } = asm;

/** Leaves the packet's first 20 bytes in the ring, by way of the stack: helpers may not read packets here. */
const words = [0, 4, 8, 12, 16];
const instructions = asm.assemble([
  asm.load(4, r2, r1, 0),
  asm.load(4, r3, r1, 4),
  asm.mov64(r4, r2),
  asm.aluImm("add", 64, r4, 20),
  asm.jump("jgt", 64, r4, r3, "out"),
  ...words.flatMap((at) => [asm.load(4, r0, r2, at), asm.store(4, fp, at - 20, r0)]),
  asm.mov64(r2, fp),
  asm.aluImm("add", 64, r2, -20),
  asm.loadMap(r1, "events"),
  asm.mov64Imm(r3, 20),
  asm.mov64Imm(r4, 0),
  asm.callHelper(asm.helperId("ringbuf_output") ?? 0),
  asm.label("out"),
  asm.mov64Imm(r0, XDP_PASS),
  asm.exit(),
]);

/** Reserves a record and gives it back. */
const discarding = asm.assemble([
  asm.loadMap(r1, "events"),
  asm.mov64Imm(r2, 8),
  asm.mov64Imm(r3, 0),
  asm.callHelper(asm.helperId("ringbuf_reserve") ?? 0),
  asm.jumpImm("jeq", 64, r0, 0, "out"),
  asm.storeImm(8, fp, -8, 0),
  asm.mov64(r6, r0),
  asm.mov64(r1, r6),
  asm.mov64Imm(r2, 0),
  asm.callHelper(asm.helperId("ringbuf_discard") ?? 0),
  asm.label("out"),
  asm.mov64Imm(r0, XDP_PASS),
  asm.exit(),
]);

function packetOf(mark: number): Uint8Array {
  return new Uint8Array(64).fill(mark & 255);
}

describeKernel("ring buffers", () => {
  afterEach(assertNothingOpen);
  const spec = mapSpec({ name: "events", type: "ringbuf", maxEntries: pageSize() });

  test("records come in order, whole, and once", () => {
    using map = createKernelMap(spec);
    using program = loadKernelProgram(programSpec(instructions), new Map([["events", map]]));
    using ring = new RingBuffer(map);
    expect(ring.drain(() => undefined)).toBe(0);
    // More rounds than fit, so that records lie across the end of the ring.
    for (let round = 0; round < 400; round += 1) {
      program.run({ packet: packetOf(round) });
      program.run({ packet: packetOf(round + 1) });
      const records: number[][] = [];
      expect(ring.drain((record) => records.push([...record]))).toBe(2);
      expect(records).toEqual([new Array(20).fill(round & 255), new Array(20).fill((round + 1) & 255)]);
    }
  });

  test("a limit leaves the rest for later, and a full ring drops", () => {
    using map = createKernelMap(spec);
    using program = loadKernelProgram(programSpec(instructions), new Map([["events", map]]));
    using ring = new RingBuffer(map);
    program.run({ packet: packetOf(1), repeat: 1000 });
    expect(ring.drain(() => undefined, 3)).toBe(3);
    const rest = ring.drain(() => undefined);
    // 20 bytes and a header of 8, rounded up to 8: 32 bytes a record.
    expect(rest + 3).toBeLessThanOrEqual(pageSize() / 32);
    expect(rest).toBeGreaterThan(100);
  });

  test("discarded records are passed over, and a failing handler loses only its own", () => {
    using map = createKernelMap(spec);
    const maps = new Map([["events", map]]);
    using discard = loadKernelProgram(programSpec(discarding), maps);
    using program = loadKernelProgram(programSpec(instructions), maps);
    using ring = new RingBuffer(map);
    discard.run({ packet: packetOf(0) });
    for (const mark of [1, 2]) program.run({ packet: packetOf(mark) });
    const fail = (): never => {
      throw new Error("handler");
    };
    expect(() => ring.drain(fail)).toThrow("handler");
    const marks: (number | undefined)[] = [];
    expect(ring.drain((record) => marks.push(record[0]))).toBe(1);
    expect(marks).toEqual([2]);
  });

  test("another kind of map is refused", () => {
    using map = createKernelMap(mapSpec());
    expect(() => new RingBuffer(map)).toThrow(/it is a hash/);
  });
});
