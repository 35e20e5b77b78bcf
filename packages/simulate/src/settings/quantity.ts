// Numbers as people write them in a workload: with their unit, and refused with what would be right.
import { quoteValue, tryParseDurationMs } from "@yardmaster/director/config";
import { badValue } from "../simulation-error.ts";

const unitsMs = { s: 1_000, min: 60_000, h: 3_600_000 } as const;

/** Reads "200/s", "90/min" or "5/h" as a number each second. */
export function parseRate(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)\/(s|min|h)$/.exec(text);
  const perSecond = match === null ? 0 : (Number(match[1]) * 1_000) / unitsMs[match[2] as keyof typeof unitsMs];
  if (perSecond > 0) return perSecond;
  throw badValue(`${quoteValue(text)} is no rate`, "write how many in what time: 200/s, 90/min or 5/h");
}

/** Reads "250ms", "60s", "15m" or "1h" as milliseconds, at least one. */
export function parseDuration(text: string): number {
  const durationMs = tryParseDurationMs(text);
  if (durationMs !== undefined && durationMs > 0) return durationMs;
  throw badValue(`${quoteValue(text)} is no duration`, "write a whole number and its unit: 250ms, 60s, 15m or 1h");
}

/** A reader of whole numbers in a range; `what` names one: "a weight". */
export function wholeNumber(what: string, minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= minimum && value <= maximum) return value;
    throw badValue(`${quoteValue(text)} is not ${what}`, `${what} is a whole number, ${minimum}–${maximum}`);
  };
}

/** A reader of numbers in a range, fractions allowed. */
export function decimalNumber(what: string, minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,9}(\.\d{1,6})?$/.test(text) && value >= minimum && value <= maximum) return value;
    throw badValue(`${quoteValue(text)} is not ${what}`, `${what} is a number, ${minimum}–${maximum}`);
  };
}
