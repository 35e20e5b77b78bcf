// What the compiler makes of small programs, instruction by instruction, so that a change of code generation shows
// in the diff. Where a change is meant: npm run test:unit -- packages/ebpf/test/dsl/golden.test.ts -u

import { expect, test } from "vitest";
import { compile, type ProgramDefinition } from "@yardmaster/ebpf";
import { disassemble } from "@yardmaster/ebpf/asm";
import { countProtocols } from "../../examples/count-protocols.ts";
import { dropBySource } from "../../examples/drop-by-source.ts";
import { nat } from "../../examples/nat.ts";
import { weightedChoice } from "../../examples/weighted-choice.ts";

function code(definition: ProgramDefinition): string {
  return `\n${disassemble(compile(definition).instructions)}`;
}

test("count packets per protocol", () => {
  expect(code(countProtocols)).toMatchInlineSnapshot(`
    "
       0: r6 = *(u32 *)(r1 +0)
       1: r7 = *(u32 *)(r1 +4)
       2: r0 = r6
       3: r0 += 14
       4: if r0 > r7 goto +17
       5: r0 = *(u16 *)(r6 +12)
       6: if r0 != 0x8 goto +15
       7: r0 = r6
       8: r0 += 34
       9: if r0 > r7 goto +12
      10: r0 = *(u8 *)(r6 +23)
      11: *(u32 *)(r10 -8) = r0
      12: r1 = map[counters]
      14: r2 = r10
      15: r2 += -8
      16: call bpf_map_lookup_elem#1
      17: if r0 == 0x0 goto +4
      18: r5 = 1
      19: lock *(u64 *)(r0 +0) += r5
      20: r7 -= r6
      21: lock *(u64 *)(r0 +8) += r7
      22: r0 = 2
      23: exit
    "
  `);
});

test("drop by source, with reasons", () => {
  expect(code(dropBySource)).toMatchInlineSnapshot(`
    "
       0: r6 = *(u32 *)(r1 +0)
       1: r5 = *(u32 *)(r1 +4)
       2: r0 = r6
       3: r0 += 14
       4: if r0 > r5 goto +18
       5: r0 = *(u16 *)(r6 +12)
       6: if r0 != 0x8 goto +30
       7: r0 = r6
       8: r0 += 34
       9: if r0 > r5 goto +13
      10: r0 = *(u32 *)(r6 +26)
      11: *(u32 *)(r10 -8) = r0
      12: r1 = map[blocked]
      14: r2 = r10
      15: r2 += -8
      16: call bpf_map_lookup_elem#1
      17: if r0 == 0x0 goto +19
      18: r5 = 1
      19: lock *(u64 *)(r0 +0) += r5
      20: r0 = *(u8 *)(r6 +23)
      21: if r0 == 0x1 goto +15
      22: goto +2
      23: r0 = 0
      24: goto +1
      25: r0 = 1
      26: *(u32 *)(r10 -8) = r0
      27: r1 = map[drops]
      29: r2 = r10
      30: r2 += -8
      31: call bpf_map_lookup_elem#1
      32: if r0 == 0x0 goto +2
      33: r5 = 1
      34: lock *(u64 *)(r0 +0) += r5
      35: r0 = 1
      36: exit
      37: r0 = 2
      38: exit
    "
  `);
});

test("NAT: the example of the design", () => {
  expect(code(nat)).toMatchInlineSnapshot(`
    "
       0: r6 = *(u32 *)(r1 +0)
       1: r5 = *(u32 *)(r1 +4)
       2: r0 = r6
       3: r0 += 14
       4: if r0 > r5 goto +77
       5: r0 = *(u16 *)(r6 +12)
       6: if r0 != 0x8 goto +75
       7: r0 = r6
       8: r0 += 34
       9: if r0 > r5 goto +72
      10: r0 = *(u8 *)(r6 +23)
      11: if r0 != 0x6 goto +70
      12: r0 = r6
      13: r0 += 54
      14: if r0 > r5 goto +67
      15: r4 = *(u32 *)(r6 +30)
      16: r5 = *(u16 *)(r6 +36)
      17: r0 = *(u8 *)(r6 +23)
      18: *(u32 *)(r10 -8) = r4
      19: *(u16 *)(r10 -4) = r5
      20: *(u8 *)(r10 -2) = r0
      21: *(u8 *)(r10 -1) = 0
      22: r1 = map[services]
      24: r2 = r10
      25: r2 += -8
      26: call bpf_map_lookup_elem#1
      27: r4 = r0
      28: if r4 == 0x0 goto +53
      29: r3 = *(u16 *)(r6 +24)
      30: w3 ^= 65535
      31: r0 = *(u32 *)(r6 +30)
      32: r5 = *(u32 *)(r4 +0)
      33: w0 ^= -1
      34: r0 += r3
      35: r0 += r5
      36: r5 = r0
      37: r5 &= 65535
      38: r0 >>= 16
      39: r5 += r0
      40: r0 = r5
      41: r0 &= 65535
      42: r5 >>= 16
      43: r0 += r5
      44: r5 = r0
      45: r5 >>= 16
      46: r0 += r5
      47: w0 &= 65535
      48: w0 ^= 65535
      49: *(u16 *)(r6 +24) = r0
      50: r5 = *(u16 *)(r6 +50)
      51: w5 ^= 65535
      52: r3 = *(u32 *)(r6 +30)
      53: r0 = *(u32 *)(r4 +0)
      54: w3 ^= -1
      55: r3 += r5
      56: r3 += r0
      57: r0 = *(u16 *)(r6 +36)
      58: r5 = *(u16 *)(r4 +4)
      59: w0 ^= 65535
      60: r0 += r3
      61: r0 += r5
      62: r5 = r0
      63: r5 &= 65535
      64: r0 >>= 16
      65: r5 += r0
      66: r0 = r5
      67: r0 &= 65535
      68: r5 >>= 16
      69: r0 += r5
      70: r5 = r0
      71: r5 >>= 16
      72: r0 += r5
      73: w0 &= 65535
      74: w0 ^= 65535
      75: *(u16 *)(r6 +50) = r0
      76: r0 = *(u32 *)(r4 +0)
      77: *(u32 *)(r6 +30) = r0
      78: r0 = *(u16 *)(r4 +4)
      79: *(u16 *)(r6 +36) = r0
      80: r0 = 3
      81: exit
      82: r0 = 2
      83: exit
    "
  `);
});

test("a function and a loop", () => {
  expect(code(weightedChoice)).toMatchInlineSnapshot(`
    "
       0: r4 = *(u32 *)(r1 +0)
       1: r5 = *(u32 *)(r1 +4)
       2: r0 = r4
       3: r0 += 14
       4: if r0 > r5 goto +40
       5: r0 = *(u16 *)(r4 +12)
       6: if r0 != 0x8 goto +38
       7: r0 = r4
       8: r0 += 34
       9: if r0 > r5 goto +35
      10: r0 = r4
      11: r0 += 38
      12: if r0 > r5 goto +32
      13: r6 = map[settings][0]+0
      15: r1 = *(u32 *)(r4 +26)
      16: r2 = *(u16 *)(r4 +34)
      17: call +29
      18: r5 = *(u32 *)(r6 +4)
      19: r3 = r0
      20: w3 %= w5
      21: r4 = 0
      22: r5 = *(u32 *)(r6 +0)
      23: r0 = 0
      24: if r0 >= 0x8 goto +11
      25: if r0 >= r5 goto +10
      26: r4 = r0
      27: w4 &= 7
      28: r4 <<= 2
      29: r4 += r6
      30: r2 = *(u32 *)(r4 +8)
      31: r4 = r0
      32: if r3 < r2 goto +3
      33: w3 -= w2
      34: r0 += 1
      35: goto -12
      36: *(u32 *)(r10 -8) = r4
      37: r1 = map[chosen]
      39: r2 = r10
      40: r2 += -8
      41: call bpf_map_lookup_elem#1
      42: if r0 == 0x0 goto +2
      43: r5 = 1
      44: lock *(u64 *)(r0 +0) += r5
      45: r0 = 2
      46: exit
      47: r5 = r1
      48: w5 ^= w2
      49: w5 *= -1640531535
      50: r0 = 0
      51: if r0 < 0x3 goto +2
      52: r0 = r5
      53: exit
      54: r4 = r5
      55: w4 >>= 15
      56: w5 ^= w4
      57: w5 += w0
      58: w5 *= -2048144789
      59: r0 += 1
      60: goto -10
    "
  `);
});
