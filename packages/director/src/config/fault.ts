// A fault of a configuration file: data first (code, place, what would be right), text rendered late, like a
// compiler's. All faults of a file are collected, sorted by place and thrown together as one ConfigurationError.
import { DirectorError } from "../errors.ts";

/** One thing that is wrong (error) or odd (warning) in a configuration file. */
export interface ConfigurationFault {
  readonly severity: "error" | "warning";
  /** Stable, for programs: YM_CONFIG_… */
  readonly code: string;
  readonly message: string;
  /** What was read of this machine, and how to see it: `ip route get 10.0.0.11: dev eth0`. */
  readonly evidence?: string;
  /** What would be right. */
  readonly hint?: string;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 units. */
  readonly column: number;
  /** The line that the fault is in, cut to what fits a screen, and how many characters stand before the caret. */
  readonly quote: { readonly text: string; readonly caret: number };
}

const printedFaults = 100;
const quotedColumns = 100;

/** The file has faults; `message` is the text for people, `faults` the same as data. */
export class ConfigurationError extends DirectorError {
  override readonly name = "ConfigurationError";
  readonly faults: readonly ConfigurationFault[];

  constructor(faults: readonly ConfigurationFault[]) {
    super("YM_CONFIG", formatFaults(faults));
    this.faults = faults;
  }
}

/** Renders faults as a compiler does, one after the other; the first hundred if there are more. */
export function formatFaults(faults: readonly ConfigurationFault[]): string {
  const texts = faults.slice(0, printedFaults).map(formatFault);
  if (faults.length > printedFaults) texts.push(`… and ${faults.length - printedFaults} more`);
  return texts.join("\n");
}

/** Renders one fault: place and message, the quoted line with a caret, what would be right. */
export function formatFault(fault: ConfigurationFault): string {
  const gutter = `${fault.line}`.padStart(5);
  const lines = [
    `${fault.file}:${fault.line}:${fault.column}: ${fault.severity}: ${fault.message}`,
    `${gutter} | ${fault.quote.text}`.trimEnd(),
    `${" ".repeat(gutter.length)} | ${" ".repeat(fault.quote.caret)}^`,
  ];
  if (fault.evidence !== undefined) lines.push(`${" ".repeat(gutter.length)} = seen: ${fault.evidence}`);
  if (fault.hint !== undefined) lines.push(`${" ".repeat(gutter.length)} = ${fault.hint}`);
  return lines.join("\n");
}

/** The part of a line around a column, with nothing in it that a terminal would act on. */
export function quoteLine(sourceLine: string, column: number): { readonly text: string; readonly caret: number } {
  const start = column > quotedColumns - 20 ? column - 40 : 0;
  const cut = sourceLine.slice(start, start + quotedColumns);
  return { text: printable(cut), caret: Math.max(0, Math.min(column - 1 - start, cut.length)) };
}

/** Replaces control characters (tabs by one space, so that carets stay in their column). */
export function printable(text: string): string {
  return text.replaceAll("\t", " ").replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e]/gu, "?");
}

/** A value as it is quoted in a message: short, on one line. */
export function quoteValue(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  const text = printable(typeof value === "string" ? value : String(value));
  const short = text.length > 60 ? `${text.slice(0, 59)}…` : text;
  return typeof value === "string" ? `"${short}"` : short;
}
