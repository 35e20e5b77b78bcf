// Keeps the folder small in which Node keeps what it compiled (NODE_COMPILE_CACHE, set in bootstrap.mjs): vitest
// imports each test file under a name of the moment, so that every run adds entries that nothing reads again.
import { readdirSync, rmSync } from "node:fs";

/** Some 200 MB; all sources together are some 1,500. */
const MAXIMUM_ENTRIES = 20_000;

/** Empties the folder where it holds more than that. What goes is compiled again. */
export function trimCompileCache(folder: string, maximumEntries = MAXIMUM_ENTRIES): void {
  let entries: readonly string[] = [];
  try {
    entries = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    // There is none yet, or another run is emptying it.
  }
  if (entries.length > maximumEntries) rmSync(folder, { recursive: true, force: true });
}
