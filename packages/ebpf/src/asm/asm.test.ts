// The assembler: labels, encoding and decoding as inverses, what is refused, and the text it prints.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as asm from "./index.ts";

const at: asm.SourcePosition = { file: "balance.ts", line: 6, column: 18 };

const instruction: fc.Arbitrary<asm.Instruction> = fc.record({
  opcode: fc.constantFrom(...asm.opcodes.filter((opcode) => opcode !== asm.OP_LOAD_IMM64)),
  dst: fc.integer({ min: 0, max: 10 }),
  src: fc.integer({ min: 0, max: 10 }),
  offset: fc.integer({ min: -0x8000, max: 0x7fff }),
  imm: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
});
const wide = fc
  .tuple(fc.integer({ min: 0, max: 9 }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }))
  .map(([dst, value]) => asm.loadImm64(dst, value));

describe("encode", () => {
  test("is undone by decode", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(instruction, wide)), (instructions) => {
        expect(asm.decode(asm.encode(instructions))).toEqual(instructions);
      }),
    );
  });

  test("writes eight little-endian bytes a slot", () => {
    expect([...asm.encode([asm.load(4, 0, 2, -2)])]).toEqual([0x61, 0x20, 0xfe, 0xff, 0, 0, 0, 0]);
    expect([...asm.encode([asm.loadImm64(1, -2n)])]).toEqual([
      ...[0x18, 0x01, 0, 0, 0xfe, 0xff, 0xff, 0xff],
      ...[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
    ]);
  });

  test("puts file descriptors where maps are named", () => {
    const program = [asm.loadMap(1, "flows"), asm.loadMapValue(2, "totals", 24)];
    const decoded = asm.decode(asm.encode(program, ({ map }) => ({ fd: map === "flows" ? 5 : 6 })));
    expect(decoded.map(({ src, imm, imm64 }) => [src, imm, imm64])).toEqual([
      [asm.PSEUDO_MAP_FD, 5, 5n],
      [asm.PSEUDO_MAP_VALUE, 6, (24n << 32n) | 6n],
    ]);
  });

  test.each<[string, asm.Instruction]>([
    ["balance.ts:6:18: encode: offset 40000 of slot 0", asm.load(4, 0, 1, 40_000, at)],
    ["balance.ts:6:18: encode: immediate 4294967295 of slot 0", asm.mov64Imm(0, 0xffff_ffff, at)],
    ["balance.ts:6:18: encode: destination register 11", asm.mov64(11, 0, at)],
    ['balance.ts:6:18: encode: map "flows" has no file descriptor', asm.loadMap(1, "flows", at)],
    ["opcode 0xff: no such instruction", { opcode: 0xff, dst: 0, src: 0, offset: 0, imm: 0 }],
  ])("refuses: %s", (message, bad) => {
    expect(() => asm.encode([bad])).toThrow(message);
  });
});

describe("decode", () => {
  test("refuses bytes that end too early", () => {
    const bytes = asm.encode([asm.loadImm64(1, 7n)]);
    expect(() => asm.decode(bytes.subarray(0, 8))).toThrow("decode: 8 bytes left at byte 0, 16 needed");
    expect(() => asm.decode(bytes.subarray(0, 3))).toThrow(asm.AsmError);
  });
});

describe("assemble", () => {
  test("counts distances in slots, both ways", () => {
    const program = asm.assemble([
      asm.label("loop"),
      asm.loadImm64(1, 1n),
      asm.jumpImm("jeq", 64, 1, 3, "done"),
      asm.goto("loop"),
      asm.label("done"),
      asm.exit(),
    ]);
    expect(program.map(({ offset }) => offset)).toEqual([0, 1, -4, 0]);
  });

  test("places calls, long jumps and functions in the immediate", () => {
    const program = asm.assemble([
      asm.loadFunction(1, "function"),
      asm.callLocal("function"),
      asm.gotoLong("end"),
      asm.label("function"),
      asm.exit(),
      asm.label("end"),
      asm.exit(),
    ]);
    expect(program.map(({ imm }) => imm)).toEqual([3, 1, 1, 0, 0]);
  });

  test("refuses labels that are missing, doubled or too far", () => {
    expect(() => asm.assemble([asm.goto("nowhere", at)])).toThrow(
      'balance.ts:6:18: assemble: label "nowhere" is not defined',
    );
    expect(() => asm.assemble([asm.label("a"), asm.label("a")])).toThrow("defined twice");
    const far = Array.from({ length: 0x8000 }, () => asm.exit());
    expect(() => asm.assemble([asm.goto("end"), ...far, asm.label("end")])).toThrow("use gotoLong");
    expect(() => asm.loadImm64(0, 1n << 64n)).toThrow("does not fit 64 bits");
  });
});

describe("disassemble", () => {
  test.each<[string, asm.Instruction]>([
    ["r0 = *(u32 *)(r2 +30)", asm.load(4, 0, 2, 30)],
    ["r0 = *(s8 *)(r10 -8)", asm.loadSigned(1, 0, 10, -8)],
    ["*(u16 *)(r10 -4) = r3", asm.store(2, 10, -4, 3)],
    ["*(u8 *)(r10 -1) = 7", asm.storeImm(1, 10, -1, 7)],
    ["if w1 != 0x8 goto +3", asm.jumpImm("jne", 32, 1, 8, 3)],
    ["if r1 s<= r2 goto -3", asm.jump("jsle", 64, 1, 2, -3)],
    ["goto +9", asm.goto(9)],
    ["gotol -9", asm.gotoLong(-9)],
    ["lock *(u64 *)(r1 +0) += r2", asm.atomic("add", 8, 1, 0, 2)],
    ["r2 = atomic64_fetch_xor((u64 *)(r1 +8), r2)", asm.atomic("xor", 8, 1, 8, 2, { fetch: true })],
    ["r2 = atomic_xchg((u32 *)(r1 +0), r2)", asm.atomic("xchg", 4, 1, 0, 2)],
    ["r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)", asm.atomic("cmpxchg", 8, 1, 0, 2)],
    ["call bpf_map_lookup_elem#1", asm.callHelper(1)],
    ["call +12", asm.callLocal(12)],
    ["call kernel-function#77", asm.callKernelFunction(77)],
    ["exit", asm.exit()],
    ["r1 = map[flows]", asm.loadMap(1, "flows")],
    ["r1 = map[totals][0]+24", asm.loadMapValue(1, "totals", 24)],
    ["r1 = function +4", asm.loadFunction(1, 4)],
    ["r1 = 0xffffffffffffffff", asm.loadImm64(1, -1n)],
    ["w1 = -w1", asm.neg(32, 1)],
    ["r1 s/= r2", asm.alu("sdiv", 64, 1, 2)],
    ["w1 s%= -3", asm.aluImm("smod", 32, 1, -3)],
    ["w1 s>>= w2", asm.alu("arsh", 32, 1, 2)],
    ["r1 = (s16)r2", asm.movSignExtend(64, 16, 1, 2)],
    ["r1 = be16 r1", asm.byteSwap("be", 16, 1)],
    ["r1 = bswap64 r1", asm.byteSwap("bswap", 64, 1)],
    ["r0 = *(u16 *)skb[12]", asm.loadPacket(2, 12)],
    ["r0 = *(u8 *)skb[r2 +12]", asm.loadPacketIndirect(1, 2, 12)],
  ])("prints %s", (text, one) => {
    expect(asm.disassembleOne(one)).toBe(text);
  });

  test("numbers slots and interleaves source positions", () => {
    const program = [asm.loadImm64(1, 1n, at), asm.mov64(0, 1, at), asm.exit()];
    expect(asm.disassemble(program, { withSource: true })).toBe(
      "; balance.ts:6:18\n   0: r1 = 0x1\n   2: r0 = r1\n   3: exit\n",
    );
  });
});

test("helpers are known by number and by name", () => {
  expect(asm.helperName(69)).toBe("bpf_fib_lookup");
  expect(asm.helperId("bpf_loop")).toBe(181);
  expect(asm.helperId("map_lookup_elem")).toBe(1);
  expect(asm.helperName(asm.lastHelperId)).toBe("bpf_cgrp_storage_delete");
  expect([asm.helperName(0), asm.helperName(212), asm.helperId("unspec")]).toEqual([undefined, undefined, undefined]);
});
