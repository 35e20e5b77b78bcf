// Every instruction of the set, against a second, slower statement of what it means in BigInts
// (Documentation/bpf/standardization/instruction-set.rst).

import { describe, expect, test } from "vitest";
import * as asm from "../asm/index.ts";
import { createMemoryHost } from "./index.ts";
import { mapSpec, runItems, u64 } from "./vm-testing.ts";

const { r0, r1, r2, r3, fp } = asm;
const values = [
  ...[0n, 1n, 2n, 3n, 7n, 0x7fn, 0x80n, 0xffn, 0x8000n, 0xffffn, 0x12345n, 0x7fff_ffffn],
  ...[0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, 0x1234_5678_9abc_def0n, 0x7fff_ffff_ffff_ffffn],
  ...[0x8000_0000_0000_0000n, 0xffff_ffff_8000_0000n, 0xffff_ffff_ffff_fffen, 0xffff_ffff_ffff_ffffn],
];

const out = createMemoryHost();
const result = out.createMap(mapSpec({ name: "result", type: "array", maxEntries: 1 }));

/** All 64 bits of r0 after `items`. */
function evaluate(items: readonly asm.Item[]): bigint {
  const save = [asm.loadMapValue(r1, "result", 0), asm.store(8, r1, 0, r0)];
  runItems([...items, ...save, asm.mov64Imm(r0, 0), asm.exit()], { host: out, maps: [result] });
  return result.lookup(0) as bigint;
}

type Meaning = (a: bigint, b: bigint, bits: number) => bigint;
const signed = (value: bigint, bits: number) => BigInt.asIntN(bits, value);
const meanings: Readonly<Record<asm.AluOperation, Meaning>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? 0n : a / b),
  sdiv: (a, b, bits) => (b === 0n ? 0n : signed(a, bits) / signed(b, bits)),
  or: (a, b) => a | b,
  and: (a, b) => a & b,
  lsh: (a, b, bits) => a << (b & BigInt(bits - 1)),
  rsh: (a, b, bits) => a >> (b & BigInt(bits - 1)),
  mod: (a, b) => (b === 0n ? a : a % b),
  smod: (a, b, bits) => (b === 0n ? a : signed(a, bits) % signed(b, bits)),
  xor: (a, b) => a ^ b,
  mov: (_a, b) => b,
  arsh: (a, b, bits) => signed(a, bits) >> (b & BigInt(bits - 1)),
};
const operations = Object.keys(meanings) as asm.AluOperation[];
const widths = [32, 64] as const;
const cases = operations.flatMap((name) => widths.map((bits) => [name, bits] as const));

describe("arithmetic", () => {
  test.each(cases)("%s, %i bits", (name, bits) => {
    for (const a of values) {
      for (const b of values) {
        const cut = (value: bigint) => BigInt.asUintN(bits, value);
        const expected = cut(meanings[name](cut(a), cut(b), bits));
        const operands = [asm.loadImm64(r0, a), asm.loadImm64(r2, b)];
        const label = `${a} ${name} ${b}`;
        expect(evaluate([...operands, asm.alu(name, bits, r0, r2)]), label).toBe(expected);
        const imm = Number(BigInt.asIntN(32, b));
        const byImm = cut(meanings[name](cut(a), cut(BigInt(imm)), bits));
        expect(evaluate([...operands, asm.aluImm(name, bits, r0, imm)]), label).toBe(byImm);
      }
    }
  });

  test("with the same register on both sides", () => {
    for (const name of operations) {
      for (const a of values) {
        const expected = BigInt.asUintN(64, meanings[name](a, a, 64));
        const items = [asm.loadImm64(r0, a), asm.alu(name, 64, r0, r0)];
        expect(evaluate(items), `${a} ${name}`).toBe(expected);
      }
    }
  });

  test("negation, sign extension, byte order", () => {
    const swap = (value: bigint, bytes: number) => {
      const hex = BigInt.asUintN(bytes * 8, value)
        .toString(16)
        .padStart(bytes * 2, "0");
      return BigInt(`0x${(hex.match(/../g) as string[]).reverse().join("")}`);
    };
    for (const a of values) {
      const start = [asm.loadImm64(r0, a), asm.loadImm64(r2, a)];
      for (const bits of widths) {
        const cut = BigInt.asUintN(bits, -a);
        expect(evaluate([...start, asm.neg(bits, r0)]), `-${a}`).toBe(cut);
        for (const from of [8, 16, 32] as const) {
          if (from >= bits) continue;
          const expected = BigInt.asUintN(bits, BigInt.asIntN(from, a));
          expect(evaluate([...start, asm.movSignExtend(bits, from, r0, r2)])).toBe(expected);
        }
      }
      for (const bits of [16, 32, 64] as const) {
        const swapped = swap(a, bits / 8);
        expect(evaluate([...start, asm.byteSwap("be", bits, r0)])).toBe(swapped);
        expect(evaluate([...start, asm.byteSwap("bswap", bits, r0)])).toBe(swapped);
        expect(evaluate([...start, asm.byteSwap("le", bits, r0)])).toBe(BigInt.asUintN(bits, a));
      }
    }
  });
});

describe("jumps", () => {
  type Holds = (a: bigint, b: bigint, bits: number) => boolean;
  const conditions: Readonly<Record<asm.JumpOperation, Holds>> = {
    jeq: (a, b) => a === b,
    jne: (a, b) => a !== b,
    jgt: (a, b) => a > b,
    jge: (a, b) => a >= b,
    jlt: (a, b) => a < b,
    jle: (a, b) => a <= b,
    jset: (a, b) => (a & b) !== 0n,
    jsgt: (a, b, bits) => signed(a, bits) > signed(b, bits),
    jsge: (a, b, bits) => signed(a, bits) >= signed(b, bits),
    jslt: (a, b, bits) => signed(a, bits) < signed(b, bits),
    jsle: (a, b, bits) => signed(a, bits) <= signed(b, bits),
  };

  test.each(Object.keys(conditions) as asm.JumpOperation[])("%s", (name) => {
    for (const bits of widths) {
      for (const a of values) {
        for (const b of values) {
          const cut = (value: bigint) => BigInt.asUintN(bits, value);
          const imm = Number(BigInt.asIntN(32, b));
          const expected =
            (conditions[name](cut(a), cut(b), bits) ? 1n : 0n) +
            (conditions[name](cut(a), cut(BigInt(imm)), bits) ? 2n : 0n);
          const items = [
            ...[asm.loadImm64(r1, a), asm.loadImm64(r2, b), asm.mov64Imm(r0, 3)],
            ...[asm.jump(name, bits, r1, r2, 1), asm.aluImm("sub", 64, r0, 1)],
            ...[asm.jumpImm(name, bits, r1, imm, 1), asm.aluImm("sub", 64, r0, 2)],
          ];
          expect(evaluate(items), `${a} ${name}${bits} ${b}`).toBe(expected);
        }
      }
    }
  });

  test("goto, gotol, calls and exits", () => {
    const items = [
      asm.mov64Imm(6, 5),
      asm.gotoLong("main"),
      asm.label("double"),
      asm.mov64(6, r1),
      asm.alu("add", 64, 6, 6),
      asm.mov64(r0, 6),
      asm.exit(),
      asm.label("main"),
      asm.mov64Imm(r1, 21),
      asm.callLocal("double"),
      asm.alu("add", 64, r0, 6),
      asm.goto("end"),
      asm.mov64Imm(r0, 0),
      asm.label("end"),
      asm.exit(),
    ];
    expect(runItems(items).verdict).toBe(47);
  });
});

describe("memory", () => {
  test("loads and stores of every size", () => {
    for (const a of values) {
      for (const size of [1, 2, 4, 8] as const) {
        const start = [asm.storeImm(8, fp, -8, -1), asm.loadImm64(r2, a)];
        const stored = [...start, asm.store(size, fp, -8, r2)];
        const bits = size * 8;
        const mixed = (BigInt.asUintN(64, -1n) >> BigInt(bits)) << BigInt(bits);
        const cut = BigInt.asUintN(bits, a);
        expect(evaluate([...stored, asm.load(size, r0, fp, -8)])).toBe(cut);
        expect(evaluate([...stored, asm.load(8, r0, fp, -8)])).toBe(mixed | cut);
        const imm = Number(BigInt.asIntN(32, a));
        const byImm = [...start, asm.storeImm(size, fp, -8, imm), asm.load(size, r0, fp, -8)];
        expect(evaluate(byImm)).toBe(BigInt.asUintN(bits, BigInt(imm)));
        if (size === 8) continue;
        const expected = BigInt.asUintN(64, BigInt.asIntN(bits, a));
        expect(evaluate([...stored, asm.loadSigned(size, r0, fp, -8)])).toBe(expected);
      }
    }
  });

  const combine: Readonly<Record<Exclude<asm.AtomicOperation, "cmpxchg">, Meaning>> = {
    add: (a, b) => a + b,
    or: (a, b) => a | b,
    and: (a, b) => a & b,
    xor: (a, b) => a ^ b,
    xchg: (_a, b) => b,
  };

  test.each(Object.keys(combine) as (keyof typeof combine)[])("atomic %s", (name) => {
    for (const size of [4, 8] as const) {
      for (const fetch of [false, true]) {
        for (const [a, b] of values.map((value, index) => [value, values.at(-index)])) {
          const bits = size * 8;
          const other = b as bigint;
          const items = [
            ...[asm.loadImm64(r3, a as bigint), asm.store(8, fp, -8, r3), asm.loadImm64(r2, other)],
            asm.atomic(name, size, fp, -8, r2, { fetch }),
          ];
          const low = BigInt.asUintN(bits, combine[name](a as bigint, other, bits));
          const high = ((a as bigint) >> BigInt(bits)) << BigInt(bits);
          expect(evaluate([...items, asm.load(8, r0, fp, -8)])).toBe(high | low);
          const fetched = fetch || name === "xchg" ? BigInt.asUintN(bits, a as bigint) : other;
          expect(evaluate([...items, asm.mov64(r0, r2)])).toBe(fetched);
        }
      }
    }
  });

  test.each([4, 8] as const)("atomic cmpxchg of %i bytes", (size) => {
    const full = 0xaaaa_bbbb_cccc_ddddn;
    const cut = BigInt.asUintN(size * 8, full);
    const attempt = (expected: bigint) => [
      ...[asm.loadImm64(r3, full), asm.store(8, fp, -8, r3)],
      ...[asm.loadImm64(r0, expected), asm.mov64Imm(r2, 5), asm.atomic("cmpxchg", size, fp, -8, r2)],
    ];
    expect(evaluate(attempt(full))).toBe(cut);
    expect(evaluate([...attempt(full), asm.load(size, r0, fp, -8)])).toBe(5n);
    expect(evaluate([...attempt(1n), asm.load(8, r0, fp, -8)])).toBe(full);
  });

  test("acquire loads and release stores", () => {
    const opcode = asm.CLASS_STX | asm.MODE_ATOMIC | asm.bitsOfSize(8);
    const release = { opcode, dst: fp, src: r2, offset: -8, imm: asm.ATOMIC_STORE_RELEASE };
    const acquire = { opcode, dst: r0, src: fp, offset: -8, imm: asm.ATOMIC_LOAD_ACQUIRE };
    expect(evaluate([asm.mov64Imm(r2, -9), release, acquire])).toBe(u64.decode(u64.encode(-9n)));
  });

  test("legacy packet loads are in network order and end the program beyond the packet", () => {
    const packet = Uint8Array.from({ length: 20 }, (_, index) => index);
    const load = (items: asm.Item[]) =>
      runItems([asm.mov64(6, r1), ...items, asm.exit()], { packet, type: "sched_cls" }).verdict;
    expect(load([asm.loadPacket(2, 12)])).toBe(0x0c0d);
    expect(load([asm.mov64Imm(r2, 3), asm.loadPacketIndirect(4, r2, 1)])).toBe(0x0405_0607);
    expect(load([asm.loadPacket(4, 18), asm.mov64Imm(r0, 1)])).toBe(0);
  });
});
