// Values of health checks that have a form of their own: what they mean, or what is wrong with them. An empty problem
// says that the value is of another type.
import type { Pattern, StatusRange } from "../model/check.ts";
import type { Reading } from "./values.ts";

/** Neither a zero, which no program's argument can hold, nor a line break, which would begin another header. */
const oneLine = /^[^\0\r\n]*$/;
const LONGEST_TEXT = 4096;
const LONGEST_DATAGRAM = 1472;
const statusRange = /^(\d{3})-(\d{3})$/;

/** Text on one line. */
export function readText(value: unknown): Reading<string> {
  if (typeof value !== "string") return { problem: "" };
  if (value.length > LONGEST_TEXT) return { problem: `is longer than ${LONGEST_TEXT} characters` };
  return oneLine.test(value) ? { value } : { problem: "has a line break or a zero in it" };
}

/** What stands in the first line of a request (RFC 9112 §3.2): anything else in it would be another request. */
export function readPath(value: unknown): Reading<string> {
  if (typeof value !== "string") return { problem: "" };
  if (value.length > LONGEST_TEXT) return { problem: `is longer than ${LONGEST_TEXT} characters` };
  if (!/^[/*]/.test(value)) return { problem: "does not begin with /" };
  return /^[\x21-\x7e]+$/.test(value)
    ? { value }
    : { problem: "has a space or another character that is to be encoded" };
}

/** A name that can be asked for (RFC 1035 §2.3.4). */
export function readDomain(value: unknown): Reading<string> {
  if (typeof value !== "string") return { problem: "" };
  const labels = value.replace(/\.$/, "").split(".");
  if (value === "" || labels.some((label) => label === "" && labels.length > 1))
    return { problem: "has an empty label" };
  if (!/^[\x21-\x7e]+$/.test(value)) return { problem: "has a character that no domain name has" };
  if (value.length > 253) return { problem: "is longer than 253 characters" };
  return labels.every((label) => label.length <= 63)
    ? { value }
    : { problem: "has a label of more than 63 characters" };
}

/** A program and its arguments. */
export function readWords(value: unknown): Reading<readonly [string, ...string[]]> {
  if (!Array.isArray(value)) return { problem: "" };
  const readings = (value as readonly unknown[]).map(readText);
  const bad = readings.find((reading) => "problem" in reading);
  if (bad !== undefined) return bad.problem === "" ? { problem: "has an entry that is no text" } : bad;
  const [first, ...rest] = readings.flatMap((reading) => ("value" in reading ? [reading.value] : []));
  if (first === undefined) return { problem: "is an empty list" };
  return first.startsWith("/") ? { value: [first, ...rest] } : { problem: "must begin with an absolute path" };
}

/** A regular expression, as written. */
export function readExpression(value: unknown): Reading<string> {
  if (typeof value !== "string") return { problem: "" };
  if (value.length > LONGEST_TEXT) return { problem: `is longer than ${LONGEST_TEXT} characters` };
  try {
    void new RegExp(value);
    return { value };
  } catch (error) {
    const said = error instanceof Error ? error.message.split(": ").at(-1) : undefined;
    return { problem: `is no regular expression: ${said ?? "it cannot be read"}` };
  }
}

/** Text that must be there, or an expression that must match. */
export function readPattern(value: unknown): Reading<Pattern> {
  if (typeof value === "string") {
    if (value === "") return { problem: "is empty: it is in every answer" };
    return value.length > LONGEST_TEXT
      ? { problem: `is longer than ${LONGEST_TEXT} characters` }
      : { value: { contains: value } };
  }
  if (typeof value !== "object" || value === null || !("matches" in value)) return { problem: "" };
  const expression = readExpression(value.matches);
  return "problem" in expression ? expression : { value: { matches: expression.value } };
}

/** Digits, without spaces. */
export function readHexadecimal(value: unknown): Reading<string> {
  if (typeof value !== "string") return { problem: "" };
  if (!/^([0-9a-fA-F]{2})*$/.test(value)) return { problem: "is no even number of hexadecimal digits" };
  return value.length > 2 * LONGEST_DATAGRAM
    ? { problem: `is longer than ${LONGEST_DATAGRAM} bytes` }
    : { value: value.toLowerCase() };
}

/** Status codes: one, a range, or a list of those. */
export function readStatuses(value: unknown): Reading<readonly StatusRange[]> {
  const entries = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  if (entries.length === 0) return { problem: "is an empty list" };
  const readings = entries.map(readStatus);
  const bad = readings.find((reading) => "problem" in reading);
  if (bad !== undefined) return bad;
  return { value: readings.flatMap((reading) => ("value" in reading ? [reading.value] : [])) };
}

function readStatus(value: unknown): Reading<StatusRange> {
  const match = typeof value === "string" ? statusRange.exec(value) : null;
  if (match === null && typeof value !== "number") return { problem: typeof value === "string" ? "is no range" : "" };
  const [first, last] = match === null ? [Number(value), Number(value)] : [Number(match[1]), Number(match[2])];
  const isCode = (code: number) => Number.isInteger(code) && code >= 100 && code <= 599;
  if (!isCode(first) || !isCode(last)) return { problem: "is outside 100–599" };
  return first <= last ? { value: { first, last } } : { problem: "ends before it begins" };
}
