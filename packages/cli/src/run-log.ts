// The log of `yardmaster run`, on the standard error: everything that the process says goes through it.
import { format as formatWords } from "node:util";
import type { Level, LogFormat, Report } from "@yardmaster/director";
import { FailedCommand } from "./cli-error.ts";
import { writeNote } from "./output.ts";
import { errorText, statusOf } from "./print-error.ts";

/** What people say of it. */
export interface LogWishes {
  readonly log: LogFormat | "auto";
  readonly logLevel: Level;
}

/** A log, and what it is written as. */
export interface RunLog {
  readonly format: LogFormat;
  readonly report: Report;
}

/** Opens it. What libraries print to the console comes there, too. */
export async function openRunLog({ log, logLevel }: LogWishes): Promise<RunLog> {
  const { createLog, usualFormat } = await import("@yardmaster/director");
  const format = log === "auto" ? usualFormat() : log;
  const report = createLog({ format, least: logLevel, hasTimes: process.stderr.isTTY, write: writeNote });
  const consoleLevels = { log: "info", info: "info", warn: "warning", error: "error" } as const;
  for (const [name, level] of Object.entries(consoleLevels) as [keyof typeof consoleLevels, Level][]) {
    console[name] = (...words: readonly unknown[]) => report(formatWords(...words), { level });
  }
  return { format, report };
}

/** Runs something; that it fails is the log's last line, where people do not read it as text. */
export async function withLog(log: RunLog, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (log.format === "text") throw error;
    const code = error instanceof Error && "code" in error ? { reason: String(error.code) } : {};
    log.report(errorText(error), { event: "failed", level: "error", ...code });
    throw new FailedCommand(statusOf(error));
  }
}
