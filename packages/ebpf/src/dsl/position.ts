// Finds the line of the program's own source that called into the DSL: the nearest stack frame that
// is not a file of this library. That position travels with every instruction into BTF line info.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SourcePosition } from "../asm/index.ts";

const LIBRARY = new URL("..", import.meta.url).href;
const LIBRARY_PATH = fileURLToPath(LIBRARY);
/** In the package that people install the sources of all packages are .js, with the lines and columns of the .ts. */
const PACKED_SOURCES = import.meta.filename.endsWith(".js") ? join(import.meta.dirname, "../../../") : undefined;
/** Frames that are looked at: enough nearly always, and deep enough for a few helpers of the author between ours. */
const FRAMES = [7, 20] as const;

let standIn: SourcePosition | undefined;

/** Runs `body`, whose operations come from `position`: for what the library adds to a program by itself. */
export function withPosition<T>(position: SourcePosition | undefined, body: () => T): T {
  const before = standIn;
  standIn = position;
  try {
    return body();
  } finally {
    standIn = before;
  }
}

/** The caller's position, or undefined where there is none outside the library. */
export function callerPosition(): SourcePosition | undefined {
  if (standIn !== undefined) return standIn;
  for (const frames of FRAMES) {
    const position = nearestOf(stackOf(frames));
    if (position !== undefined) return position;
  }
  return undefined;
}

function stackOf(frames: number): NodeJS.CallSite[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = frames;
    Error.prepareStackTrace = (_error, structured) => structured;
    const holder: { stack?: NodeJS.CallSite[] } = {};
    Error.captureStackTrace(holder, callerPosition);
    return holder.stack ?? [];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The position in the first file that is not the library's. */
function nearestOf(sites: readonly NodeJS.CallSite[]): SourcePosition | undefined {
  for (const site of sites) {
    const file = site.getFileName();
    // Lines are worked out when they are asked for, which takes longer than all the rest: only of the one that counts.
    if (typeof file !== "string" || isForeign(file)) continue;
    const line = site.getLineNumber();
    const column = site.getColumnNumber();
    if (line === null || column === null) continue;
    return { file: sourceName(file.startsWith("file:") ? fileURLToPath(file) : file), line, column };
  }
  return undefined;
}

/** A packed source is called what it is called where people can read it. */
function sourceName(path: string): string {
  return PACKED_SOURCES !== undefined && path.startsWith(PACKED_SOURCES) ? path.replace(/\.js$/, ".ts") : path;
}

const known = new Map<string, boolean>();

/** Whether a file is not the program's. */
function isForeign(file: string): boolean {
  const before = known.get(file);
  if (before !== undefined) return before;
  const foreign = isLibrary(file) || file.startsWith("node:");
  known.set(file, foreign);
  return foreign;
}

/** Tests of the library are callers, its other files are not. */
function isLibrary(file: string): boolean {
  return (file.startsWith(LIBRARY) || file.startsWith(LIBRARY_PATH)) && !file.includes(".test.");
}
