// The generator by itself, without privileges: the same seed gives the same program, the interpreter has
// no complaint, every instruction of the set comes up, and a wrong interpreter is caught and shrunk.

import { describe, expect, test } from "vitest";
import * as asm from "../../src/asm/index.ts";
import { createMemoryHost } from "../../src/vm/index.ts";
import { Arena } from "./arena.ts";
import { compareHosts, describeDisagreement } from "./compare-hosts.ts";
import { generateProgram } from "./generator.ts";
import { toProgramSpec } from "./program-spec.ts";
import { createWrongHost } from "./wrong-host.ts";

const PROGRAMS = 1500;

function instructionsOf(seed: number, instructionSet: 3 | 4): readonly asm.Instruction[] {
  return toProgramSpec(generateProgram(seed, instructionSet).items).instructions;
}

test("the same seed gives the same program", () => {
  expect(generateProgram(7, 4)).toEqual(generateProgram(7, 4));
  expect(generateProgram(7, 4)).not.toEqual(generateProgram(8, 4));
});

test("the interpreter runs what is generated", () => {
  using arena = new Arena(createMemoryHost());
  for (let seed = 0; seed < PROGRAMS; seed++) {
    expect(arena.run(generateProgram(seed, 4)), `seed ${seed}`).toMatchObject({ kind: "done" });
  }
});

describe("every instruction comes up", () => {
  const seen = new Set<string>();
  const old = new Set<number>();
  for (let seed = 0; seed < PROGRAMS; seed++) {
    for (const { opcode, offset, imm, src } of instructionsOf(seed, 4)) {
      const isAlu = asm.classOf(opcode) === asm.CLASS_ALU || asm.classOf(opcode) === asm.CLASS_ALU64;
      const isAtomic = asm.modeOf(opcode) === asm.MODE_ATOMIC && asm.classOf(opcode) === asm.CLASS_STX;
      const isCall = opcode === asm.OP_CALL;
      seen.add(`${opcode}`);
      if (isAlu && offset !== 0) seen.add(`${opcode} offset ${offset}`);
      if (isAtomic) seen.add(`${opcode} atomic ${imm}`);
      if (isCall) seen.add(src === asm.PSEUDO_CALL ? "local call" : `helper ${imm}`);
    }
    for (const { opcode } of instructionsOf(seed, 3)) old.add(opcode);
  }
  // Not for XDP programs: legacy packet loads. Not before Linux 6.15: atomics of one and two bytes.
  const absent = asm.opcodes.filter((opcode) => {
    const mode = asm.modeOf(opcode);
    const size = asm.sizeOf(opcode);
    if (asm.classOf(opcode) === asm.CLASS_LD) return mode !== asm.MODE_IMM;
    return asm.classOf(opcode) === asm.CLASS_STX && mode === asm.MODE_ATOMIC && size < 4;
  });

  test("by opcode", () => {
    const missing = asm.opcodes.filter((opcode) => !seen.has(`${opcode}`));
    expect(missing).toEqual(absent);
  });

  test("by variant", () => {
    const atomics = Object.entries(asm.atomicOperations).flatMap(([name, code]) =>
      name === "xchg" || name === "cmpxchg" ? [code | 1] : [code, code | 1],
    );
    const wide = asm.CLASS_STX | asm.MODE_ATOMIC | asm.bitsOfSize(8);
    const narrow = asm.CLASS_STX | asm.MODE_ATOMIC | asm.bitsOfSize(4);
    for (const imm of atomics) {
      expect(seen).toContain(`${wide} atomic ${imm}`);
      expect(seen).toContain(`${narrow} atomic ${imm}`);
    }
    for (const name of ["sdiv", "smod"] as const) {
      for (const width of [32, 64] as const) {
        expect(seen).toContain(`${asm.alu(name, width, 0, 0).opcode} offset 1`);
        expect(seen).toContain(`${asm.aluImm(name, width, 0, 1).opcode} offset 1`);
      }
    }
    for (const from of [8, 16, 32] as const) {
      expect(seen).toContain(`${asm.movSignExtend(64, from, 0, 0).opcode} offset ${from}`);
    }
    for (const call of ["local call", ...[1, 2, 3, 44, 65, 164, 181].map((id) => `helper ${id}`)]) {
      expect(seen).toContain(call);
    }
  });

  test("but for older kernels only what they have", () => {
    const isNew = (opcode: number) =>
      opcode === asm.OP_BYTE_SWAP ||
      opcode === asm.OP_JUMP_LONG ||
      (asm.classOf(opcode) === asm.CLASS_LDX && asm.modeOf(opcode) === asm.MODE_MEMSX);
    expect([...old].filter(isNew)).toEqual([]);
  });
});

/** The instruction's opcode with its operation changed, where it is `from`. */
function mistaken(from: asm.Instruction, to: asm.Instruction) {
  return (instruction: asm.Instruction): asm.Instruction =>
    instruction.opcode === from.opcode && instruction.offset === from.offset
      ? { ...instruction, opcode: to.opcode, offset: to.offset }
      : instruction;
}

describe("a wrong interpreter", () => {
  test.each<[string, asm.Instruction, asm.Instruction]>([
    ["s>>=", asm.alu("arsh", 64, 0, 0), asm.alu("rsh", 64, 0, 0)],
    ["s%=", asm.alu("smod", 32, 0, 0), asm.alu("mod", 32, 0, 0)],
    ["*(s16 *)", asm.loadSigned(2, 0, 0, 0), asm.load(2, 0, 0, 0)],
  ])("is caught and shrunk: %s", (sign, from, to) => {
    const replace = (one: asm.Instruction) =>
      from.opcode === one.opcode && asm.classOf(one.opcode) === asm.CLASS_LDX
        ? { ...one, opcode: to.opcode }
        : mistaken(from, to)(one);
    const options = {
      reference: createMemoryHost(),
      subject: createWrongHost(createMemoryHost(), replace),
      ...({ firstSeed: 1, count: 2000, instructionSet: 4 } as const),
    };
    const { disagreement } = compareHosts(options);
    if (disagreement === undefined) throw new Error("nothing was noticed");
    const text = describeDisagreement(disagreement);
    expect(text).toContain(sign);
    expect(text).toContain(`--seed ${disagreement.seed} --count 1`);
    const before = generateProgram(disagreement.seed, 4).items;
    const statements = (items: typeof before) => new Set(items.map(({ statement }) => statement)).size;
    expect(disagreement.shrunk.items.length).toBeLessThan(before.length);
    // Statement 0 is what every program has; beside it are the culprit and what makes its operands matter.
    expect(statements(disagreement.shrunk.items)).toBeLessThanOrEqual(6);
    const again = compareHosts({ ...options, firstSeed: disagreement.seed, count: 1 });
    expect(again.disagreement?.differences).toEqual(disagreement.differences);
  });
});
