// Zod's issues → faults: what is wrong, in the words of the configuration, and what would be right.
// What is known but not built yet (tun, persistence, lists of ports …) is named as such, never silently ignored.
import { isIPv4, isIPv6 } from "node:net";
import type { z } from "zod";
import { durationPattern } from "./duration.ts";
import { quoteValue } from "./fault.ts";
import { type Field, fieldAt, type IntegerField, keysAt, orList, serviceName, type TextField } from "./fields.ts";
import { serviceSchema } from "./schema.ts";
import type { FaultText, Path, Source } from "./source.ts";
import { suggest } from "./suggest.ts";

const notSupported = "YM_CONFIG_NOT_SUPPORTED";

/** Reports each issue of a failed schema check at its place in the source. */
export function explainIssues(issues: readonly z.core.$ZodIssue[], source: Source): void {
  for (const issue of issues) {
    const path = issue.path.filter((step) => typeof step !== "symbol");
    const value = source.valueAt(path);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) source.errorAtKey([...path, key], explainUnknownKey(path, key));
    } else if (issue.code === "invalid_key") {
      source.errorAtKey(path, explainName(String(path.at(-1))));
      // The schema does not look behind a key that it refuses; the service there may have faults too.
      const below = serviceSchema.safeParse(value).error?.issues ?? [];
      explainIssues(
        below.map((inner) => ({ ...inner, path: [...path, ...inner.path] })),
        source,
      );
    } else if (value === undefined) {
      source.errorAtKey(path, explainMissing(path));
    } else {
      source.errorAt(path, explainValue(fieldAt(path), path, value));
    }
  }
}

function explainUnknownKey(path: Path, key: string): FaultText {
  const group = fieldAt(path);
  const planned: readonly string[] = group !== undefined && "planned" in group ? group.planned : [];
  if (planned.includes(key)) {
    return { code: notSupported, message: `${quoteValue(key)} is not supported yet`, hint: "remove the key" };
  }
  const known = keysAt(path);
  const near = suggest(key, [...known, ...planned]);
  const where = path.length === 0 ? "the file" : placeName(path);
  const hint = near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${quoteValue(near)}?`;
  return { code: "YM_CONFIG_UNKNOWN_KEY", message: `unknown key ${quoteValue(key)} in ${where}`, hint };
}

function explainName(name: string): FaultText {
  const message = `${quoteValue(name)} cannot be a service's name`;
  return { code: "YM_CONFIG_NAME", message, hint: serviceName.meaning };
}

function explainMissing(path: Path): FaultText {
  const parent = path.slice(0, -1);
  const owner = parent.length === 0 ? "the file" : placeName(parent);
  const meaning = fieldAt(path)?.meaning;
  const message = `${owner} has no ${quoteValue(path.at(-1))}`;
  return { code: "YM_CONFIG_MISSING", message, ...(meaning === undefined ? {} : { hint: meaning }) };
}

/** What is wrong with a value at a path; `field` says what may stand there. */
function explainValue(field: Field | undefined, path: Path, value: unknown): FaultText {
  const noun = typeof path.at(-1) === "string" ? String(path.at(-1)) : "entry";
  if (field === undefined) return wrongType(noun, value, "something else");
  const hint = field.meaning;
  if (value === null) {
    return { code: "YM_CONFIG_TYPE", message: `${quoteValue(noun)} is empty`, hint };
  }
  switch (field.kind) {
    case "integer":
      return explainInteger(field, noun, value);
    case "choice":
      return explainChoice(field.words, field.planned, noun, value, hint);
    case "address":
      return explainAddress(noun, value, hint);
    case "duration":
      return explainDuration(field, noun, value);
    case "interface":
    case "name":
      return explainInterface(value, hint);
    case "list":
      if (!Array.isArray(value)) return wrongType(noun, value, "a list", hint);
      return { code: "YM_CONFIG_VALUE", message: `the list ${quoteValue(noun)} is empty`, hint };
    case "map":
      return wrongType(path.length === 0 ? "the file" : placeName(path), value, "a map", hint);
  }
}

function explainInteger(field: IntegerField, noun: string, value: unknown): FaultText {
  const range = `${field.minimum}–${field.maximum}`;
  if (noun === "port" && isSeveralPorts(value)) {
    const what = Array.isArray(value) ? "a list of ports" : value === "any" ? 'port "any"' : "a range of ports";
    return { code: notSupported, message: `${what} is not supported yet`, hint: "write one service for each port" };
  }
  if (typeof value !== "number") return wrongType(noun, value, "a number", field.meaning);
  const isWhole = Number.isInteger(value);
  const message = isWhole ? `${noun} ${value} is outside ${range}` : `${noun} ${value} is no whole number`;
  return { code: "YM_CONFIG_RANGE", message, hint: field.meaning };
}

function isSeveralPorts(value: unknown): boolean {
  return Array.isArray(value) || (typeof value === "string" && /^(any|\d+-\d+)$/.test(value));
}

function explainChoice(
  words: readonly string[],
  planned: readonly string[],
  noun: string,
  value: unknown,
  hint: string,
): FaultText {
  if (typeof value !== "string") return wrongType(noun, value, "a word", hint);
  if (planned.includes(value)) {
    const message = `${noun} ${quoteValue(value)} is not supported yet`;
    return { code: notSupported, message, hint: `this version has ${orList(words)}` };
  }
  const near = suggest(value, [...words, ...planned]);
  const suggestion = near === undefined ? "" : `did you mean ${quoteValue(near)}? `;
  return { code: "YM_CONFIG_VALUE", message: `unknown ${noun} ${quoteValue(value)}`, hint: `${suggestion}${hint}` };
}

function explainAddress(noun: string, value: unknown, hint: string): FaultText {
  if (typeof value !== "string") return wrongType(noun, value, "an IPv4 address", hint);
  const [base = "", prefix] = value.split("/");
  const isAddress = isIPv4(base) || isIPv6(base);
  if (isAddress && prefix !== undefined) {
    return { code: notSupported, message: `prefix ${quoteValue(value)}: prefixes are not supported yet`, hint };
  }
  if (isAddress) {
    return { code: notSupported, message: `address ${quoteValue(value)}: IPv6 is not supported yet`, hint };
  }
  return { code: "YM_CONFIG_ADDRESS", message: `${quoteValue(value)} is no IPv4 address`, hint };
}

function explainDuration(field: TextField, noun: string, value: unknown): FaultText {
  if (typeof value === "number") {
    const message = `duration ${value} of ${quoteValue(noun)} has no unit`;
    return { code: "YM_CONFIG_DURATION", message, hint: `write ${value}s for seconds; ${field.meaning}` };
  }
  if (typeof value !== "string") return wrongType(noun, value, "a duration", field.meaning);
  const problem = durationPattern.test(value) ? "is outside 1s–20d" : "is no duration";
  return { code: "YM_CONFIG_DURATION", message: `${quoteValue(value)} ${problem}`, hint: field.meaning };
}

function explainInterface(value: unknown, hint: string): FaultText {
  if (typeof value !== "string") return wrongType("entry", value, "an interface name", hint);
  return { code: "YM_CONFIG_VALUE", message: `${quoteValue(value)} cannot be an interface's name`, hint };
}

function wrongType(noun: string, value: unknown, expected: string, hint?: string): FaultText {
  const found = typeof value === "string" ? `the text ${quoteValue(value)}` : quoteValue(value);
  const text = { code: "YM_CONFIG_TYPE", message: `${noun} must be ${expected}, not ${found}` };
  return hint === undefined ? text : { ...text, hint };
}

/** A map of the file in words: `service "web"`, `server 2 of service "web"`, `director`. */
export function placeName(path: Path): string {
  const [first, name, , index] = path;
  if (first !== "services" || name === undefined) return path.join(".");
  const service = `service ${quoteValue(String(name))}`;
  return typeof index === "number" ? `server ${index + 1} of ${service}` : service;
}
