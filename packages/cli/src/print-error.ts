// Any error → one text for people and an exit status. A stack is shown only on request (YARDMASTER_DEBUG=1).
import { CommanderError } from "commander";
import { CliError, FailedCommand, type FailureStatus } from "./cli-error.ts";
import { printNote } from "./output.ts";

/** Prints what the error says and returns the exit status that it stands for. */
export function printError(error: unknown): number {
  if (error instanceof FailedCommand) return error.status;
  // Commander has printed its own text; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  printNote(errorText(error));
  if (process.env["YARDMASTER_DEBUG"] === "1" && error instanceof Error) printNote(stackText(error));
  return statusOf(error);
}

/** The exit status that an error stands for. */
export function statusOf(error: unknown): FailureStatus {
  if (error instanceof CliError) return error.status;
  return codeOf(error) === "YM_CONFIG" ? 2 : 1;
}

/** The text for people: the message, and its hint where the message does not hold it already. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return `yardmaster: ${String(error)}`;
  // Faults of a configuration begin with their file and line, as a compiler's do.
  if (codeOf(error) === "YM_CONFIG") return error.message;
  const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  const isSaid = hint === undefined || error.message.includes(hint);
  return isSaid ? `yardmaster: ${error.message}` : `yardmaster: ${error.message}; ${hint}`;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function stackText(error: Error): string {
  const texts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < 10; depth++) {
    texts.push(current.stack ?? current.message);
    current = current.cause;
  }
  return texts.join("\ncaused by ");
}
