// What can go wrong in the interpreter. `Fault` is how its inner parts say so; the machine, which knows
// the instruction at hand, turns it into a `MemoryFault` or `VmError` that names instruction and source.

import { disassembleOne, formatPosition, type Instruction } from "../asm/index.ts";

export type VmErrorCode =
  | "YM_VM_MEMORY"
  | "YM_VM_LIMIT"
  | "YM_VM_HELPER"
  | "YM_VM_PROGRAM"
  | "YM_VM_MAP"
  | "YM_VM_CLOSED";

/** Anything the interpreter refuses. `code` is stable, the message is for people. */
export class VmError extends Error {
  override readonly name: string = "VmError";
  readonly code: VmErrorCode;

  constructor(code: VmErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A fault whose place is not known yet. Never leaves this folder. */
export class Fault extends VmError {
  override readonly name = "Fault";
}

/** Where a fault happened. */
export interface Place {
  readonly doing: "load" | "run";
  readonly program: string;
  readonly slot: number;
  readonly instruction: Instruction | undefined;
}

/** A program did what the kernel's verifier would not have let it do. */
export class ProgramFault extends VmError {
  override readonly name: string = "ProgramFault";
  /** Name of the program. */
  readonly program: string;
  /** Slot of the instruction, as the disassembler numbers it. */
  readonly slot: number;
  readonly instruction: Instruction | undefined;

  constructor(fault: Fault, place: Place) {
    super(fault.code, describe(fault, place), { cause: fault });
    this.program = place.program;
    this.slot = place.slot;
    this.instruction = place.instruction;
  }
}

/** A load, store or helper argument that points where there is no memory of the program's. */
export class MemoryFault extends ProgramFault {
  override readonly name = "MemoryFault";
}

function describe(fault: Fault, { doing, program, slot, instruction }: Place): string {
  const text = instruction === undefined ? "no instruction" : disassembleOne(instruction);
  const at = instruction?.source === undefined ? "" : ` at ${formatPosition(instruction.source)}`;
  return `${doing} program "${program}": ${fault.message} (${slot}: ${text})${at}`;
}
