// The fault of a value that is of another type than what belongs in its place.
import { quoteValue } from "./fault.ts";
import type { FaultText } from "./source.ts";

/** "port must be a number, not a map". */
export function wrongType(noun: string, value: unknown, expected: string, hint?: string): FaultText {
  const found = typeof value === "string" ? `the text ${quoteValue(value)}` : quoteValue(value);
  const text = { code: "YM_CONFIG_TYPE", message: `${noun} must be ${expected}, not ${found}` };
  return hint === undefined ? text : { ...text, hint };
}
