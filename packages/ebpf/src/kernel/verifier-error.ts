// A program that the kernel refused, explained in the terms of whoever wrote it: the position in TypeScript,
// the line there, and the verifier's own reason.

import { readFileSync } from "node:fs";
import { errnoName } from "@yardmaster/linux";
import { formatPosition, type Instruction, type SourcePosition, slotsOf } from "../asm/index.ts";
import type { ProgramSpec } from "../spec.ts";
import { readVerifierLog } from "./verifier-log.ts";

/** The verifier refused a program. The whole log is in `log`. */
export class VerifierError extends Error {
  override readonly name = "VerifierError";
  readonly code = "YM_VERIFIER";
  readonly program: string;
  readonly errno: number;
  readonly errnoName: string;
  /** The kernel's own words. */
  readonly reason: string;
  /** Where in TypeScript the refused instruction came from. */
  readonly position: SourcePosition | undefined;
  /** Its 8-byte slot in the program. */
  readonly slot: number | undefined;
  readonly log: string;

  constructor(spec: ProgramSpec, errno: number, log: string) {
    const { reason, slot } = readVerifierLog(log);
    const position = slot === undefined ? undefined : instructionAt(spec.instructions, slot)?.source;
    super(describe(spec, errno, { reason, slot, position, lines: log.trim().split("\n").length }));
    this.program = spec.name;
    this.errno = errno;
    this.errnoName = errnoName(errno);
    this.reason = reason;
    this.position = position;
    this.slot = slot;
    this.log = log;
  }
}

/** The instruction that holds 8-byte slot `slot`; a 64-bit immediate load holds two. */
export function instructionAt(instructions: readonly Instruction[], slot: number): Instruction | undefined {
  let at = 0;
  return instructions.find((instruction) => {
    at += slotsOf(instruction);
    return slot < at;
  });
}

interface Description {
  readonly reason: string;
  readonly slot: number | undefined;
  readonly position: SourcePosition | undefined;
  readonly lines: number;
}

function describe(spec: ProgramSpec, errno: number, { reason, slot, position, lines }: Description): string {
  const place =
    position === undefined ? (slot === undefined ? "" : `instruction ${slot}: `) : `${formatPosition(position)}: `;
  const quote = position === undefined ? "" : quoteSource(position);
  const tail = `${errnoName(errno)} from the kernel's verifier; ${lines} lines of it in .log`;
  return `loading program "${spec.name}": ${place}${reason}${quote}\n(${tail})`;
}

/** The source line with a mark under the column, or nothing where the file cannot be read. */
function quoteSource({ file, line, column }: SourcePosition): string {
  let text: string | undefined;
  try {
    text = readFileSync(file, "utf8").split("\n")[line - 1];
  } catch {
    // Only a quote is lost: the source is not always where the program runs.
    return "";
  }
  if (text === undefined) return "";
  const margin = " ".repeat(String(line).length);
  return `\n  ${line} | ${text}\n  ${margin} | ${" ".repeat(Math.max(0, column - 1))}^`;
}
