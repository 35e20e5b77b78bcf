// What the DSL does to numbers: arithmetic, comparison, byte order, width; in any host.

import fc from "fast-check";
import { expect, test } from "vitest";
import { be16, be32, be64, type BpfHost, choose, type Int, struct, u32, u64 } from "@yardmaster/ebpf";
import { observe } from "./observe.ts";

const numbers = struct("numbers", { w0: u32, w1: u32, x0: u64, x1: u64, n16: be16, n32: be32, n64: be64 });

const EDGES32 = [0n, 1n, 2n, 7n, 31n, 32n, 33n, 255n, 256n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn];
const EDGES64 = [...EDGES32, 63n, 64n, 65n, 0x1_0000_0000n, 1n << 63n, (1n << 63n) - 1n, (1n << 64n) - 1n];
const OPERATORS = ["add", "sub", "mul", "div", "mod", "and", "or", "xor", "shl", "shr"] as const;
const COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"] as const;

function packetOf(values: Partial<Record<keyof typeof numbers.fields, number | bigint>>): Uint8Array {
  const zero = { w0: 0, w1: 0, x0: 0n, x1: 0n, n16: 0, n32: 0, n64: 0n };
  return numbers.encode({ ...zero, ...values } as ReturnType<typeof numbers.decode>);
}

/** Registers the tests; `createHost` is called once for each. */
export function describeNumbers(createHost: () => BpfHost): void {
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
