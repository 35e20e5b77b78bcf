// Which opcodes exist. Guards the encoder and the decoder, so that what reaches the kernel or the
// interpreter is an instruction of the set and not a number that happens to fit a byte.

import { AsmError } from "./asm-error.ts";
import type { Instruction } from "./instruction.ts";
import * as op from "./opcode.ts";

const defined = definedOpcodes();

/** Every opcode byte of the instruction set, ascending. */
export const opcodes: readonly number[] = [...defined].sort((a, b) => a - b);

/** Throws AsmError where the opcode is none of the instruction set's. */
export function assertDefinedOpcode(instruction: Instruction): void {
  if (defined.has(instruction.opcode)) return;
  const opcode = `0x${instruction.opcode.toString(16).padStart(2, "0")}`;
  throw new AsmError("YM_ASM_OPCODE", `opcode ${opcode}: no such instruction`, instruction.source);
}

function definedOpcodes(): ReadonlySet<number> {
  const result = new Set<number>();
  const sources = [op.SOURCE_K, op.SOURCE_X];
  for (const { code } of Object.values(op.aluOperations)) {
    for (const source of sources) {
      result.add(code | source | op.CLASS_ALU).add(code | source | op.CLASS_ALU64);
    }
  }
  for (const code of Object.values(op.jumpOperations)) {
    for (const source of sources) {
      result.add(code | source | op.CLASS_JMP).add(code | source | op.CLASS_JMP32);
    }
  }
  result.add(op.ALU_NEG | op.CLASS_ALU).add(op.ALU_NEG | op.CLASS_ALU64);
  for (const source of sources) result.add(op.ALU_END | source | op.CLASS_ALU);
  result.add(op.OP_BYTE_SWAP).add(op.OP_JUMP).add(op.OP_JUMP_LONG);
  result.add(op.OP_CALL).add(op.OP_EXIT).add(op.OP_LOAD_IMM64);

  for (const size of [1, 2, 4, 8] as const) {
    const bits = op.bitsOfSize(size);
    result.add(op.CLASS_LDX | op.MODE_MEM | bits);
    result.add(op.CLASS_ST | op.MODE_MEM | bits).add(op.CLASS_STX | op.MODE_MEM | bits);
    // Atomics of 1 and 2 bytes are acquire loads and release stores only.
    result.add(op.CLASS_STX | op.MODE_ATOMIC | bits);
    if (size === 8) continue;
    result.add(op.CLASS_LDX | op.MODE_MEMSX | bits);
    result.add(op.CLASS_LD | op.MODE_ABS | bits).add(op.CLASS_LD | op.MODE_IND | bits);
  }
  return result;
}
