// The one error of the assembler: an instruction that cannot be what it was asked to be, with the
// place in TypeScript source that asked for it.

import type { SourcePosition } from "./instruction.ts";

export type AsmErrorCode =
  | "YM_ASM_OPERAND"
  | "YM_ASM_OPCODE"
  | "YM_ASM_LABEL"
  | "YM_ASM_REFERENCE"
  | "YM_ASM_TRUNCATED";

/** Thrown by everything in asm/. `position` is where the instruction came from, if it is known. */
export class AsmError extends Error {
  override readonly name = "AsmError";
  readonly code: AsmErrorCode;
  readonly position: SourcePosition | undefined;

  constructor(code: AsmErrorCode, message: string, position?: SourcePosition) {
    super(position === undefined ? message : `${formatPosition(position)}: ${message}`);
    this.code = code;
    this.position = position;
  }
}

/** `balance.ts:6:18`. */
export function formatPosition(position: SourcePosition): string {
  return `${position.file}:${position.line}:${position.column}`;
}
