// For tests of positions: where a piece of text stands in a file, as errors and instructions name it.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** `path:line:column` of the only occurrence of `snippet` in the module `url`; the column is of `at` within it. */
export function placeOf(url: string, snippet: string, at = snippet): string {
  const { file, line, column } = positionOf(url, snippet, at);
  return `${file}:${line}:${column}`;
}

/** The same as a position, from 1. */
export function positionOf(url: string, snippet: string, at = snippet): { file: string; line: number; column: number } {
  const file = fileURLToPath(url);
  const lines = readFileSync(file, "utf8").split("\n");
  // Lines that quote the snippet are those that ask for it.
  const found = lines.flatMap((text, index) =>
    text.includes(snippet) && !text.includes(`"${snippet}"`) && !text.includes(`'${snippet}'`) ? [{ text, index }] : [],
  );
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`"${snippet}" stands ${found.length} times in ${file}`);
  const column = only.text.indexOf(at, only.text.indexOf(snippet)) + 1;
  return { file, line: only.index + 1, column };
}
