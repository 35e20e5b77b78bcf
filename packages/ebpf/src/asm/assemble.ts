// Places labels: from instructions that name their targets to instructions that know the distance.
// Distances count 8-byte slots from the instruction after the jump, as the kernel counts them.

import { AsmError } from "./asm-error.ts";
import type { Item, Unplaced } from "./builders.ts";
import type { Instruction } from "./instruction.ts";
import { OP_CALL, OP_JUMP_LONG, OP_LOAD_IMM64 } from "./opcode.ts";

/** 8-byte slots that `instruction` takes when encoded: 2 for a 64-bit immediate load, else 1. */
export function slotsOf(instruction: Instruction): 1 | 2 {
  return instruction.opcode === OP_LOAD_IMM64 ? 2 : 1;
}

/**
 * Resolves every label. Throws AsmError, with the position of the instruction, for a label that is
 * missing or defined twice, or a target too far away for its field.
 */
export function assemble(items: readonly Item[]): Instruction[] {
  const places = new Map<string, number>();
  let slot = 0;
  for (const item of items) {
    if ("label" in item) {
      if (places.has(item.label)) {
        throw new AsmError("YM_ASM_LABEL", `assemble: label "${item.label}" is defined twice`);
      }
      places.set(item.label, slot);
    } else {
      slot += slotsOf(item);
    }
  }

  const instructions: Instruction[] = [];
  slot = 0;
  for (const item of items) {
    if ("label" in item) continue;
    instructions.push("target" in item ? place(item, slot, places) : item);
    slot += slotsOf(item);
  }
  return instructions;
}

function place(item: Unplaced, slot: number, places: ReadonlyMap<string, number>): Instruction {
  const { target, ...instruction } = item;
  const destination = places.get(target);
  if (destination === undefined) {
    throw new AsmError("YM_ASM_LABEL", `assemble: label "${target}" is not defined`, item.source);
  }
  // A function's address is relative to its own first slot plus one, although it takes two slots
  // (kernel/bpf/verifier.c, add_subprog_and_kfunc: i + insn->imm + 1).
  const distance = destination - slot - 1;
  const { opcode } = instruction;
  if (opcode === OP_CALL || opcode === OP_JUMP_LONG || opcode === OP_LOAD_IMM64) {
    return { ...instruction, imm: distance };
  }
  if (distance < -0x8000 || distance > 0x7fff) {
    const problem = `label "${target}" is ${distance} slots away, a jump reaches -32768 to 32767`;
    throw new AsmError("YM_ASM_LABEL", `assemble: ${problem}; use gotoLong`, item.source);
  }
  return { ...instruction, offset: distance };
}
