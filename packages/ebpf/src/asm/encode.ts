// Instructions to bytes: eight a slot, little-endian, as bpf(2) takes them. The last step before the
// kernel; here names of maps become file descriptors.

import { assertDefinedOpcode } from "./validate.ts";
import { AsmError } from "./asm-error.ts";
import { slotsOf } from "./assemble.ts";
import type { Instruction, Reference } from "./instruction.ts";
import { OP_LOAD_IMM64, PSEUDO_MAP_FD, PSEUDO_MAP_VALUE } from "./opcode.ts";

/** Gives the file descriptor of the map that `reference` names. */
export type ResolveReference = (reference: Reference) => { readonly fd: number };

/**
 * Encodes for a little-endian machine. Throws AsmError, naming the source position, for an operand
 * that does not fit its field, an opcode the instruction set does not have, or a reference that
 * cannot be resolved because `resolve` is missing.
 */
export function encode(instructions: readonly Instruction[], resolve?: ResolveReference): Uint8Array {
  const slots = instructions.reduce((sum, instruction) => sum + slotsOf(instruction), 0);
  const bytes = new Uint8Array(slots * 8);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const instruction of instructions) {
    encodeOne(view, at, instruction, resolve);
    at += slotsOf(instruction) * 8;
  }
  return bytes;
}

function encodeOne(view: DataView, at: number, instruction: Instruction, resolve: ResolveReference | undefined): void {
  const { opcode, dst, offset } = instruction;
  assertDefinedOpcode(instruction);
  const wide = opcode === OP_LOAD_IMM64 ? wideOperands(instruction, resolve) : undefined;
  const src = wide?.src ?? instruction.src;
  const imm = wide?.low ?? instruction.imm;
  check(instruction, at, "destination register", dst, 0, 10);
  check(instruction, at, "source register", src, 0, 10);
  check(instruction, at, "offset", offset, -0x8000, 0x7fff);
  check(instruction, at, "immediate", imm, -0x8000_0000, 0x7fff_ffff);

  view.setUint8(at, opcode);
  view.setUint8(at + 1, (src << 4) | dst);
  view.setInt16(at + 2, offset, true);
  view.setInt32(at + 4, imm, true);
  if (wide !== undefined) view.setInt32(at + 12, wide.high, true);
}

interface WideOperands {
  readonly src: number;
  readonly low: number;
  readonly high: number;
}

function wideOperands(instruction: Instruction, resolve: ResolveReference | undefined): WideOperands {
  const { reference, imm64, src, source } = instruction;
  if (reference !== undefined) {
    if (resolve === undefined) {
      const problem = `map "${reference.map}" has no file descriptor yet`;
      throw new AsmError("YM_ASM_REFERENCE", `encode: ${problem}; pass resolve`, source);
    }
    const { fd } = resolve(reference);
    return reference.kind === "map"
      ? { src: PSEUDO_MAP_FD, low: fd, high: 0 }
      : { src: PSEUDO_MAP_VALUE, low: fd, high: reference.offset };
  }
  if (imm64 === undefined) return { src, low: instruction.imm, high: 0 };
  return {
    src,
    low: Number(BigInt.asIntN(32, imm64)),
    high: Number(BigInt.asIntN(32, imm64 >> 32n)),
  };
}

function check(instruction: Instruction, at: number, what: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const problem = `${what} ${value} of slot ${at / 8} is not an integer from ${min} to ${max}`;
  throw new AsmError("YM_ASM_OPERAND", `encode: ${problem}`, instruction.source);
}
