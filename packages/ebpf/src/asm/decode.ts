// Bytes back to instructions: the inverse of `encode`, for programs read from a kernel or a file.
// References are gone by then: a map is a descriptor or an address in the immediate.

import { AsmError } from "./asm-error.ts";
import type { Instruction } from "./instruction.ts";
import { OP_LOAD_IMM64 } from "./opcode.ts";
import { assertDefinedOpcode } from "./validate.ts";

/**
 * Decodes little-endian slots of eight bytes. Throws AsmError for an opcode that does not exist and
 * for bytes that end in the middle of an instruction.
 */
export function decode(bytes: Uint8Array): Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const isWide = bytes[at] === OP_LOAD_IMM64;
    const size = isWide ? 16 : 8;
    if (at + size > bytes.byteLength) {
      const problem = `${bytes.byteLength - at} bytes left at byte ${at}, ${size} needed`;
      throw new AsmError("YM_ASM_TRUNCATED", `decode: ${problem}`);
    }
    const registers = view.getUint8(at + 1);
    const instruction: Instruction = {
      opcode: view.getUint8(at),
      dst: registers & 0xf,
      src: registers >> 4,
      offset: view.getInt16(at + 2, true),
      imm: view.getInt32(at + 4, true),
      ...(isWide && { imm64: wide(view, at) }),
    };
    assertDefinedOpcode(instruction);
    instructions.push(instruction);
    at += size;
  }
  return instructions;
}

function wide(view: DataView, at: number): bigint {
  const low = BigInt(view.getUint32(at + 4, true));
  return low | (BigInt(view.getUint32(at + 12, true)) << 32n);
}
