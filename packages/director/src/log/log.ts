// The log of a director: the one place where what it reports becomes lines. For people as text, for journald with
// priorities, for programs as JSON; one line for each thing that happened.
import { fstatSync } from "node:fs";
import { isEmpty } from "../change/diff.ts";
import { printable } from "../config/fault.ts";
import type { Facts, Level, Report } from "./report.ts";

/** How lines are written. */
export const logFormats = ["text", "journal", "json"] as const;

/** One of these. */
export type LogFormat = (typeof logFormats)[number];

/** A log's settings. */
export interface LogOptions {
  readonly format: LogFormat;
  /** Whether lines say when: for people who look at a terminal. Journald knows it, JSON always says it. */
  readonly hasTimes: boolean;
  /** Less than this is not written. Absent: all is. */
  readonly least?: Level;
  /** Takes one line with its end. It must not throw. */
  readonly write: (text: string) => void;
  readonly now?: () => Date;
}

/** Priorities of syslog (RFC 5424 §6.2.1), as journald takes them at the beginning of a line: sd-daemon(3). */
const priorities: Readonly<Record<Level, number>> = { error: 3, warning: 4, notice: 5, info: 6 };

/** Services and servers that a difference may have to be in a line; the message says the most important of more. */
const MOST_DIFFERENCES = 20;

/** A log. */
export function createLog({ format, hasTimes, least = "info", write, now = () => new Date() }: LogOptions): Report {
  return (message, facts = {}) => {
    const { level = "info" } = facts;
    if (priorities[level] > priorities[least]) return;
    if (format === "json") write(`${jsonLine(message, { ...facts, level }, now())}\n`);
    else if (format === "journal") write(`${prefixed(harmless(message), `<${priorities[level]}>`)}\n`);
    else write(`${hasTimes ? `${timeOfDay(now())} ` : ""}${harmless(message)}\n`);
  };
}

/**
 * The format for whoever reads the standard error: journald's where that is connected to it, which JOURNAL_STREAM says
 * by device and inode (systemd.exec(5)).
 */
export function usualFormat(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  stat: (descriptor: number) => { readonly dev: number; readonly ino: number } = fstatSync,
): LogFormat {
  const stream = environment["JOURNAL_STREAM"];
  if (stream === undefined) return "text";
  try {
    const { dev, ino } = stat(2);
    return stream === `${dev}:${ino}` ? "journal" : "text";
  } catch {
    // It is closed: nobody reads it.
    return "text";
  }
}

function jsonLine(message: string, { level, diff, ...facts }: Facts, at: Date): string {
  const small = diff !== undefined && !isEmpty(diff) && sizeOf(diff) <= MOST_DIFFERENCES ? { diff } : {};
  return JSON.stringify({ time: at.toISOString(), level, message, ...facts, ...small });
}

function sizeOf({ director, services }: NonNullable<Facts["diff"]>): number {
  return services.reduce((sum, { servers }) => sum + 1 + servers.length, director.length);
}

/** Without what a terminal would act on: servers and askers have a say in some messages. Lines stay. */
function harmless(message: string): string {
  return message.split("\n").map(printable).join("\n");
}

/** Journald makes an entry of each line. */
function prefixed(message: string, prefix: string): string {
  return message
    .split("\n")
    .map((line) => `${prefix}${line}`)
    .join("\n");
}

/** `06:38:01`, in the machine's time zone. */
function timeOfDay(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}
