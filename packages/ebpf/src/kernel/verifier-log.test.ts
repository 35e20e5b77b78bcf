// What is read from logs of the verifier, as kernels of several versions wrote them.

import { expect, test } from "vitest";
import { exit, loadImm64, mov64Imm } from "../asm/index.ts";
import { instructionAt, VerifierError } from "./verifier-error.ts";
import { readVerifierLog } from "./verifier-log.ts";

const STATISTICS = `verification time 40 usec
stack depth 0
processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

test.each([
  [
    "a missing bounds check",
    `func#0 @0
0: R1=ctx() R10=fp0
; const old = ip.daddr; @ balance.ts:6
0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2_w=pkt(r=0)
1: (61) r0 = *(u32 *)(r2 +30)
invalid access to packet, off=30 size=4, R2(id=0,off=30,r=0)
R2 offset is outside of the packet
`,
    { slot: 1, reason: /^invalid access to packet, off=30 size=4, R2\(id=0,off=30,r=0\); R2 offset is outside/ },
  ],
  [
    "an unchecked lookup, as Linux 6.1 writes it",
    `6: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,off=0,ks=4,vs=4,imm=0)
7: (61) r0 = *(u32 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
`,
    { slot: 7, reason: /^R0 invalid mem access 'map_value_or_null'$/ },
  ],
  ["a fault before the walk", "unreachable insn 5\n", { slot: 5, reason: /^unreachable insn 5$/ }],
  ["a jump out of the program", "jump out of range from insn 3 to 9\n", { slot: 3, reason: /^jump out of range/ }],
  [
    "branches and states between",
    `5: (15) if r0 == 0x0 goto pc+2        ; R0=scalar()
from 5 to 8: R0=0 R10=fp0
8: R0=0 R10=fp0
8: (95) exit
R1 !read_ok
`,
    { slot: 8, reason: /^R1 !read_ok$/ },
  ],
  [
    "in a global function, others before it",
    `Validating first() func#1...
4: (95) exit
Func#1 ('first') is safe for any args that match its prototype
Validating second() func#2...
5: R1=ctx() R10=fp0
5: (71) r0 = *(u8 *)(r1 +2)
invalid bpf_context access off=2 size=1
`,
    { slot: 5, reason: /^invalid bpf_context access off=2 size=1$/ },
  ],
  [
    "the types of a global function, before its first instruction",
    `Validating first() func#1...
4: (95) exit
Func#1 is safe for any args that match its prototype
Validating second() func#2...
arg#0 reference type('FWD s') size cannot be determined: -22
`,
    { slot: undefined, reason: /^Validating second\(\) func#2\.\.\.; arg#0 reference type/ },
  ],
  ["no log", "", { slot: undefined, reason: /^$/ }],
])("%s", (_name, log, { slot, reason }) => {
  for (const text of [log, log === "" ? "" : log + STATISTICS]) {
    const finding = readVerifierLog(text);
    expect(finding.slot).toBe(slot);
    expect(finding.reason).toMatch(reason);
  }
});

test("a slot leads to its instruction; a 64-bit load holds two", () => {
  const instructions = [mov64Imm(0, 0), loadImm64(1, 5n), exit()];
  expect([0, 1, 2, 3, 4].map((slot) => instructionAt(instructions, slot))).toEqual([
    instructions[0],
    instructions[1],
    instructions[1],
    instructions[2],
    undefined,
  ]);
});

test("an error without a position names the instruction", () => {
  const instructions = [mov64Imm(0, 0), exit()];
  const spec = { name: "p", type: "xdp", instructions, maps: [], license: "MIT" } as const;
  expect(new VerifierError(spec, 22, "0: (b7) r0 = 0\nbad thing\n").message).toBe(
    `loading program "p": instruction 0: bad thing\n(EINVAL from the kernel's verifier; 2 lines of it in .log)`,
  );
  expect(new VerifierError(spec, 22, "something else\n").message).toMatch(/^loading program "p": something else\n/);
});
