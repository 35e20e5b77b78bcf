// How the interpreter behaves around the instructions: what it refuses and how it says so, contexts,
// packets, helpers.

import { describe, expect, test } from "vitest";
import * as asm from "../asm/index.ts";
import { createMemoryHost, drainRingBuffer, MemoryFault, ProgramFault } from "./index.ts";
import { mapSpec, programSpec, rawBytes, runItems, u32, u64 } from "./vm-testing.ts";

const { r0, r1, r2, r3, r4, r5, r6, r7, fp } = asm;
const at: asm.SourcePosition = { file: "balance.ts", line: 6, column: 18 };
const XDP = { data: 0, dataEnd: 4, ingressIfindex: 12 };
const finish = [asm.mov64Imm(r0, 0), asm.exit()];

describe("a bad access", () => {
  test("names the instruction and where it came from", () => {
    const items = [asm.load(4, r2, r1, XDP.data), asm.load(4, r0, r2, 62, at), asm.exit()];
    const run = () => runItems(items);
    expect(run).toThrow(MemoryFault);
    expect(run).toThrow(
      'run program "p": access of 4 bytes at offset 62 of packet, which has 64 bytes' +
        " (1: r0 = *(u32 *)(r2 +62)) at balance.ts:6:18",
    );
  });

  test.each<[string, readonly asm.Item[]]>([
    ["at a null pointer (+8)", [asm.mov64Imm(r2, 0), asm.load(8, r0, r2, 8)]],
    ["at 0x7, which is no pointer (-1)", [asm.mov64Imm(r2, 7), asm.storeImm(1, r2, -1, 0)]],
    ["offset 512 of stack, which has 512 bytes", [asm.load(1, r0, fp, 0)]],
    ["offset -8 of stack", [asm.storeImm(8, fp, -520, 0)]],
    ["offset -1 of packet", [asm.load(4, r2, r1, 0), asm.load(1, r0, r2, -1)]],
    ["load of 2 bytes at 4 of the context", [asm.load(2, r0, r1, 4)]],
    ["store to ingress_ifindex of the context: read-only", [asm.storeImm(4, r1, 12, 0)]],
  ])("is refused: %s", (message, items) => {
    expect(() => runItems([...items, ...finish])).toThrow(message);
  });

  test("stays inside one value of a map", () => {
    const host = createMemoryHost();
    const map = host.createMap(mapSpec({ type: "array", maxEntries: 1 }));
    const items = [asm.loadMapValue(r1, "m", 4), asm.load(8, r0, r1, 0), ...finish];
    expect(() => runItems(items, { host, maps: [map] })).toThrow(
      'access of 8 bytes at offset 4 of value of map "m", which has 8 bytes',
    );
  });

  test("leaves the program usable", () => {
    const host = createMemoryHost();
    const items = [asm.load(4, r2, r1, 0), asm.load(1, r0, r2, 20), asm.exit()];
    using program = host.loadProgram(programSpec(items), new Map());
    expect(() => program.run({ packet: new Uint8Array(14) })).toThrow(MemoryFault);
    expect(program.run({ packet: new Uint8Array(21).fill(9) }).verdict).toBe(9);
  });
});

describe("a program", () => {
  test("is stopped when it does not end", () => {
    const host = createMemoryHost({ instructionLimit: 1000 });
    expect(() => runItems([asm.goto(-1, at)], { host })).toThrow(
      'run program "p": stopped after 1000 instructions (0: goto -1) at balance.ts:6:18',
    );
  });

  test("may call eight frames deep and no deeper", () => {
    const nested = (depth: number) => [
      ...[asm.mov64Imm(r1, depth), asm.label("again"), asm.jumpImm("jeq", 64, r1, 1, "end")],
      ...[asm.aluImm("sub", 64, r1, 1), asm.callLocal("again"), asm.aluImm("add", 64, r0, 1)],
      ...[asm.exit(), asm.label("end"), asm.mov64Imm(r0, 1), asm.exit()],
    ];
    expect(runItems(nested(8)).verdict).toBe(8);
    expect(() => runItems(nested(9))).toThrow("more than 8 frames");
  });

  test("is refused at load for helpers and instructions that do not exist here", () => {
    expect(() => runItems([asm.callHelper(4, at)])).toThrow(
      'load program "p": the interpreter does not have bpf_probe_read (4)' +
        " (0: call bpf_probe_read#4) at balance.ts:6:18",
    );
    const bad = { opcode: asm.ALU_MOV | asm.CLASS_LD, dst: 0, src: 0, offset: 0, imm: 0 };
    expect(() => runItems([bad])).toThrow("no such instruction");
    expect(() => runItems([asm.goto(5)])).toThrow(ProgramFault);
  });

  test("finds r1–r5 spoilt after a call", () => {
    const items = [asm.callHelper(8), asm.load(4, r0, r1, 0), ...finish];
    expect(() => runItems(items)).toThrow(MemoryFault);
  });

  test("cannot run once closed", () => {
    const program = createMemoryHost().loadProgram(programSpec(finish), new Map());
    program.close();
    program.close();
    expect(() => program.run({ packet: new Uint8Array(64) })).toThrow("it has been closed");
  });
});

describe("an xdp packet", () => {
  test("shows its ends and where it came from", () => {
    const items = [
      ...[asm.load(4, r2, r1, XDP.data), asm.load(4, r3, r1, XDP.dataEnd), asm.mov64(r0, r3)],
      ...[asm.alu("sub", 64, r0, r2), asm.load(4, r4, r1, XDP.ingressIfindex)],
      ...[asm.aluImm("lsh", 64, r0, 8), asm.alu("or", 64, r0, r4), asm.exit()],
    ];
    using program = createMemoryHost().loadProgram(programSpec(items), new Map());
    expect(program.run({ packet: new Uint8Array(60) }).verdict).toBe((60 << 8) | 1);
    const { verdict } = program.run({ packet: new Uint8Array(70), ingressIfindex: 7 });
    expect(verdict).toBe((70 << 8) | 7);
  });

  test("moves its ends as far as the kernel lets it", () => {
    const adjust = (helper: number, delta: number) =>
      runItems([asm.mov64Imm(r2, delta), asm.callHelper(helper), asm.exit()], {
        packet: Uint8Array.from({ length: 20 }, (_, index) => index),
      });
    expect([...adjust(44, -2).packet.subarray(0, 4)]).toEqual([0, 0, 0, 1]);
    expect([...adjust(44, 4).packet.subarray(0, 2)]).toEqual([4, 5]);
    expect([...adjust(65, 2).packet.subarray(18)]).toEqual([18, 19, 0, 0]);
    expect(adjust(65, -6).packet.length).toBe(14);
    const refused = [adjust(44, 7), adjust(44, -217), adjust(65, -7), adjust(65, 4096)];
    for (const { verdict, packet } of refused) {
      expect([verdict | 0, packet.length]).toEqual([-22, 20]);
    }
    expect(adjust(44, -216).verdict).toBe(0);
  });

  test("has no more room behind it after a longer one", () => {
    const items = [asm.mov64Imm(r2, 4096 - 256 - 320 - 20 + 1), asm.callHelper(65), asm.exit()];
    using program = createMemoryHost().loadProgram(programSpec(items), new Map());
    program.run({ packet: new Uint8Array(9000) });
    expect(program.run({ packet: new Uint8Array(20) }).verdict | 0).toBe(-22);
  });

  test("is copied from and to", () => {
    const packet = Uint8Array.from({ length: 20 }, (_, index) => index);
    const copy = (offset: number) => [
      ...[asm.mov64(r6, r1), asm.mov64Imm(r2, offset), asm.mov64(r3, fp)],
      ...[asm.aluImm("add", 64, r3, -4), asm.mov64Imm(r4, 4), asm.callHelper(189)],
      ...[asm.jumpImm("jne", 64, r0, 0, 6), asm.mov64(r1, r6), asm.mov64Imm(r2, 0)],
      ...[asm.mov64(r3, fp), asm.aluImm("add", 64, r3, -4), asm.mov64Imm(r4, 4)],
      ...[asm.callHelper(190), asm.exit()],
    ];
    expect([...runItems(copy(16), { packet }).packet.subarray(0, 5)]).toEqual([16, 17, 18, 19, 4]);
    expect(runItems(copy(17), { packet }).verdict | 0).toBe(-22);
  });

  test("is redirected", () => {
    const host = createMemoryHost();
    const map = host.createMap(mapSpec({ type: "devmap", value: u32 as never }));
    map.update(2, 9 as never);
    const byMap = (key: number) => [
      ...[asm.loadMap(r1, "m"), asm.mov64Imm(r2, key), asm.mov64Imm(r3, 2), asm.callHelper(51)],
      asm.exit(),
    ];
    expect(runItems(byMap(2), { host, maps: [map] })).toMatchObject({ verdict: 4, redirectIfindex: 9 });
    const missing = runItems(byMap(1), { host, maps: [map] });
    expect([missing.verdict, missing.redirectIfindex]).toEqual([2, undefined]);
    const direct = [asm.mov64Imm(r1, 5), asm.mov64Imm(r2, 0), asm.callHelper(23), asm.exit()];
    expect(runItems(direct)).toMatchObject({ verdict: 4, redirectIfindex: 5 });
    expect(runItems(direct, { type: "sched_cls" })).toMatchObject({ verdict: 7, redirectIfindex: 5 });
  });
});

test("a sched_cls packet shows the fields of __sk_buff", () => {
  const read = (offset: number) =>
    runItems([asm.load(4, r0, r1, offset), asm.exit()], {
      type: "sched_cls",
      packet: Uint8Array.from([...new Uint8Array(12), 0x08, 0x00, ...new Uint8Array(46)]),
    }).verdict;
  expect([0, 16, 20, 24, 36, 40].map(read)).toEqual([60, 0x0008, 0, 0, 1, 1]);
  const mark = [asm.storeImm(4, r1, 8, 77), asm.load(4, r0, r1, 8), asm.exit()];
  expect(runItems(mark, { type: "sched_cls" }).verdict).toBe(77);
});

test("a syscall program has its bytes as context", () => {
  const items = [asm.load(4, r0, r1, 0), asm.storeImm(4, r1, 4, 7), asm.exit()];
  const packet = new Uint8Array(Uint32Array.of(33, 0).buffer);
  const output = runItems(items, { type: "syscall", packet });
  expect([output.verdict, ...output.packet]).toEqual([33, 33, 0, 0, 0, 7, 0, 0, 0]);
});

describe("helpers", () => {
  test("tell time, CPU and random numbers as the host says", () => {
    const host = createMemoryHost({ now: () => 1000n, currentCpu: () => 1 });
    const call = (id: number) => runItems([asm.callHelper(id), asm.exit()], { host }).verdict;
    expect(call(118)).toBe(1000);
    expect(call(5)).toBe(4_000_000_000);
    expect(call(160)).toBe(4_000_000_000);
    expect(call(8)).toBe(1);
    expect(call(7)).not.toBe(call(7));
  });

  test("can be replaced and added", () => {
    const host = createMemoryHost({
      helpers: {
        69: (call) => {
          call.bytes(2, 8).fill(3);
          return -1;
        },
      },
    });
    const items = [
      ...[asm.mov64(r2, fp), asm.aluImm("add", 64, r2, -8), asm.callHelper(69), asm.mov64(r6, r0)],
      ...[asm.load(1, r0, fp, -1), asm.alu("sub", 64, r0, r6), asm.exit()],
    ];
    expect(runItems(items, { host }).verdict).toBe(4);
    expect(runItems([asm.callHelper(69), asm.exit()]).verdict).toBe(4);
  });

  test("bpf_loop and bpf_for_each_map_elem call back until told to stop", () => {
    const host = createMemoryHost();
    const map = host.createMap(mapSpec());
    for (const [key, value] of [
      [1, 10n],
      [2, 20n],
      [3, 30n],
    ] as const)
      map.update(key, value);
    const items = [
      ...[asm.storeImm(8, fp, -8, 0), asm.mov64Imm(r1, 10), asm.loadFunction(r2, "body")],
      ...[asm.mov64(r3, fp), asm.aluImm("add", 64, r3, -8), asm.mov64Imm(r4, 0)],
      ...[asm.callHelper(181), asm.mov64(r6, r0)],
      ...[asm.loadMap(r1, "m"), asm.loadFunction(r2, "each"), asm.mov64(r3, fp)],
      ...[asm.aluImm("add", 64, r3, -8), asm.mov64Imm(r4, 0), asm.callHelper(164), asm.mov64(r7, r0)],
      ...[asm.load(8, r0, fp, -8), asm.aluImm("mul", 64, r6, 1000), asm.alu("add", 64, r0, r6)],
      ...[asm.aluImm("mul", 64, r7, 10_000), asm.alu("add", 64, r0, r7), asm.exit()],
      // Adds up indices and stops at the fifth.
      ...[asm.label("body"), asm.load(8, r5, r2, 0), asm.alu("add", 64, r5, r1), asm.store(8, r2, 0, r5)],
      ...[asm.mov64Imm(r0, 0), asm.jumpImm("jlt", 64, r1, 4, 1), asm.mov64Imm(r0, 1), asm.exit()],
      // Adds up values.
      ...[asm.label("each"), asm.load(8, r5, r4, 0), asm.load(8, r3, r3, 0), asm.alu("add", 64, r5, r3)],
      ...[asm.store(8, r4, 0, r5), asm.mov64Imm(r0, 0), asm.exit()],
    ];
    expect(runItems(items, { host, maps: [map] }).verdict).toBe(3 * 10_000 + 5 * 1000 + 10 + 60);
  });

  test("bpf_csum_diff gives the change of a one's-complement sum", () => {
    const items = [
      ...[asm.storeImm(4, fp, -4, 0x0102_0304), asm.storeImm(4, fp, -8, 0x7fff_ff05)],
      ...[asm.mov64(r1, fp), asm.aluImm("add", 64, r1, -4), asm.mov64Imm(r2, 4), asm.mov64(r3, fp)],
      ...[asm.aluImm("add", 64, r3, -8), asm.mov64Imm(r4, 4), asm.mov64Imm(r5, 0x1234)],
      ...[asm.callHelper(28), asm.exit()],
    ];
    const congruent = (0x1234 + 0x7fff + 0xff05 - 0x0102 - 0x0304) % 0xffff;
    expect(runItems(items).verdict % 0xffff).toBe(congruent);
    const sized = (from: number, to: number) => [
      ...[asm.mov64(r1, fp), asm.aluImm("add", 64, r1, -512), asm.mov64Imm(r2, from), asm.mov64(r3, r1)],
      ...[asm.mov64Imm(r4, to), asm.mov64Imm(r5, 0), asm.callHelper(28), asm.exit()],
    ];
    for (const items of [sized(0, 6), sized(2, 4), sized(256, 260)]) expect(runItems(items).verdict | 0).toBe(-22);
  });

  test("bpf_ringbuf_output keeps records in order until there is no room", () => {
    const host = createMemoryHost();
    const none = rawBytes(0);
    const ring = host.createMap({ ...mapSpec({ type: "ringbuf", maxEntries: 32 }), key: none });
    const items = (value: number) => [
      ...[asm.storeImm(8, fp, -8, value), asm.loadMap(r1, "m"), asm.mov64(r2, fp)],
      ...[asm.aluImm("add", 64, r2, -8), asm.mov64Imm(r3, 8), asm.mov64Imm(r4, 0)],
      ...[asm.callHelper(130), asm.exit()],
    ];
    const write = (value: number) => runItems(items(value), { host, maps: [ring] }).verdict | 0;
    expect([write(1), write(2), write(3)]).toEqual([0, 0, -11]);
    expect(drainRingBuffer(ring).map(u64.decode)).toEqual([1n, 2n]);
    expect(write(4)).toBe(0);
  });
});

describe("maps of the memory host", () => {
  const lookup = [
    ...[asm.storeImm(4, fp, -4, 1), asm.loadMap(r1, "m"), asm.mov64(r2, fp)],
    ...[asm.aluImm("add", 64, r2, -4), asm.callHelper(1)],
  ];
  const add = (register: number) => [
    ...[asm.jumpImm("jeq", 64, register, 0, 2), asm.mov64Imm(r3, 1)],
    asm.atomic("add", 8, register, 0, r3),
  ];

  test("alias what programs point to", () => {
    const host = createMemoryHost();
    const map = host.createMap(mapSpec());
    map.update(1, 41n);
    runItems([...lookup, ...add(r0), ...finish], { host, maps: [map] });
    expect(map.lookup(1)).toBe(42n);
    map.update(2, 5n);
    runItems([...lookup, ...add(r0), ...finish], { host, maps: [map] });
    expect([...map.entries()]).toEqual([
      [1, 43n],
      [2, 5n],
    ]);
  });

  test("give programs the value of their CPU", () => {
    const host = createMemoryHost({ cpus: 3, currentCpu: () => 2 });
    const map = host.createMap(mapSpec({ type: "percpu_array" }));
    runItems([...lookup, ...add(r0), ...finish], { host, maps: [map] });
    expect(map.lookupPerCpu(1)).toEqual([0n, 0n, 1n]);
  });

  test("evict what was used longest ago, if they are LRU", () => {
    const map = createMemoryHost().createMap(mapSpec({ type: "lru_hash", maxEntries: 2 }));
    map.update(1, 1n);
    map.update(2, 2n);
    map.lookup(1);
    map.update(3, 3n);
    expect([...map.entries()].map(([key]) => key)).toEqual([1, 3]);
  });

  test("refuse what is not theirs", () => {
    const host = createMemoryHost();
    const map = createMemoryHost().createMap(mapSpec());
    const closed = host.createMap(mapSpec());
    closed.close();
    expect(() => closed.lookup(1)).toThrow('look up in map "m": it has been closed');
    expect(() => host.createMap(mapSpec({ type: "prog_array" }))).toThrow("no tail calls");
    const spec = programSpec([...lookup, ...finish], [map.spec]);
    expect(() => host.loadProgram(spec, new Map())).toThrow('map "m" was not given');
    expect(() => drainRingBuffer(map)).toThrow("no ring buffer");
  });
});
