// Finds the line of the program's own source that called into the DSL: the nearest stack frame that
// is not a file of this library. That position travels with every instruction into BTF line info.

import { fileURLToPath } from "node:url";
import type { SourcePosition } from "../asm/index.ts";

const LIBRARY = new URL("..", import.meta.url).href;
const LIBRARY_PATH = fileURLToPath(LIBRARY);
/** Deep enough for a few helpers of the program's author between two calls of ours. */
const FRAMES = 16;

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
  const { prepareStackTrace, stackTraceLimit } = Error;
  let sites: NodeJS.CallSite[] = [];
  try {
    Error.stackTraceLimit = FRAMES;
    Error.prepareStackTrace = (_error, structured) => structured;
    const holder: { stack?: NodeJS.CallSite[] } = {};
    Error.captureStackTrace(holder, callerPosition);
    sites = holder.stack ?? [];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
  for (const site of sites) {
    const file = site.getFileName();
    const line = site.getLineNumber();
    const column = site.getColumnNumber();
    if (typeof file !== "string" || line === null || column === null) continue;
    if (isLibrary(file) || file.startsWith("node:")) continue;
    return { file: file.startsWith("file:") ? fileURLToPath(file) : file, line, column };
  }
  return undefined;
}

/** Tests of the library are callers, its other files are not. */
function isLibrary(file: string): boolean {
  return (file.startsWith(LIBRARY) || file.startsWith(LIBRARY_PATH)) && !file.includes(".test.");
}
