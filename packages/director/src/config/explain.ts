// Zod's issues → faults: what is wrong, in the words of the configuration, and what would be right.
// What is known but not built yet (checks …) is named as such, never silently ignored.
import type { z } from "zod";
import { encapsulations } from "../model/encapsulation.ts";
import { plainCheckKinds } from "../model/check.ts";
import { durationPattern, formatDuration } from "./duration.ts";
import { explainPart } from "./explain-part.ts";
import { quoteValue } from "./fault.ts";
import { type DurationField, timeoutRangeMs } from "./field.ts";
import { type ChoiceField, type Field, fieldAt, type IntegerField, keysAt, orList, serviceName } from "./fields.ts";
import { serviceSchema } from "./schema.ts";
import type { FaultText, Path, Source } from "./source.ts";
import { suggest } from "./suggest.ts";
import { wrongType } from "./wrong-type.ts";
import {
  readAddress,
  readAddresses,
  readNetmask,
  readNetwork,
  readPortEntry,
  readPorts,
  type Reading,
} from "./values.ts";

/** Keys that a message lists. */
const SHOWN_KEYS = 8;
const notSupported = "YM_CONFIG_NOT_SUPPORTED";

/** Reports each issue of a failed schema check at its place in the source. */
export function explainIssues(issues: readonly z.core.$ZodIssue[], source: Source): void {
  for (const issue of issues) {
    const path = wholeValue(issue.path.filter((step) => typeof step !== "symbol"));
    const value = source.valueAt(path);
    const below = issuesBelow(issue, path, value);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) source.errorAtKey([...path, key], explainUnknownKey(path, key));
    } else if (issue.code === "invalid_key") {
      source.errorAtKey(path, explainName(path));
    } else if (value === undefined) {
      source.errorAtKey(path, explainMissing(path));
    } else if (below.length === 0) {
      for (const [at, text] of explainValue(fieldAt(path), path, value)) source.errorAt(at, text);
    }
    explainIssues(
      below.map((inner) => ({ ...inner, path: [...path, ...inner.path] })),
      source,
    );
  }
}

/** Ports are explained as a whole, wherever in them the schema stopped. */
function wholeValue(path: Path): Path {
  const owner = path.slice(0, -1);
  return fieldAt(owner)?.kind === "ports" ? owner : path;
}

/** What is wrong further down, beyond the place where the schema ended. */
function issuesBelow(issue: z.core.$ZodIssue, path: Path, value: unknown): readonly z.core.$ZodIssue[] {
  // It does not look behind a key that it refuses; the service there may have faults too.
  if (issue.code === "invalid_key") return path.length > 2 ? [] : (serviceSchema.safeParse(value).error?.issues ?? []);
  if (issue.code !== "invalid_union" || !isMap(value)) return [];
  // Of several forms that a value may have, the one for maps says what is wrong with a map.
  const isInside = (inner: z.core.$ZodIssue) => inner.path.length > 0 || inner.code === "unrecognized_keys";
  return issue.errors.find((issues) => issues.every(isInside)) ?? [];
}

function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
  const hint = near === undefined ? `known here: ${shortList(known)}` : `did you mean ${quoteValue(near)}?`;
  return { code: "YM_CONFIG_UNKNOWN_KEY", message: `unknown key ${quoteValue(key)} in ${where}`, hint };
}

/** Not all of many. */
function shortList(words: readonly string[]): string {
  return words.slice(0, SHOWN_KEYS).join(", ") + (words.length > SHOWN_KEYS ? ", …" : "");
}

/** Of a service, or of a header of a check. */
function explainName(path: Path): FaultText {
  const name = quoteValue(String(path.at(-1)));
  if (path.length === 2) {
    return { code: "YM_CONFIG_NAME", message: `${name} cannot be a service's name`, hint: serviceName.meaning };
  }
  const hint = "a header's name is letters, digits and dashes, such as X-Check";
  return { code: "YM_CONFIG_NAME", message: `${name} cannot be a header's name`, hint };
}

function explainMissing(path: Path): FaultText {
  const parent = path.slice(0, -1);
  const owner = parent.length === 0 ? "the file" : placeName(parent);
  const meaning = fieldAt(path)?.meaning;
  const message = `${owner} has no ${quoteValue(path.at(-1))}`;
  return { code: "YM_CONFIG_MISSING", message, ...(meaning === undefined ? {} : { hint: meaning }) };
}

/** What is wrong with a value at a path, and where; `field` says what may stand there. */
function explainValue(field: Field | undefined, path: Path, value: unknown): readonly (readonly [Path, FaultText])[] {
  const at = (text: FaultText): readonly (readonly [Path, FaultText])[] => [[path, text]];
  const noun = typeof path.at(-1) === "string" ? String(path.at(-1)) : `entry of ${path.at(-2)}`;
  if (field === undefined) return at(wrongType(noun, value, "something else"));
  const hint = field.meaning;
  if (value === null) return at({ code: "YM_CONFIG_TYPE", message: `${quoteValue(noun)} is empty`, hint });
  switch (field.kind) {
    case "integer":
      return at(explainInteger(field, noun, value));
    case "choice":
      return at(explainChoice(field, noun, value));
    case "wordOrNumber":
      if (typeof value === "number") return at(explainInteger(field, noun, value));
      return at(explainChoice({ ...field, planned: [] }, noun, value));
    case "encapsulation":
      return at(explainChoice({ words: encapsulations, planned: [], meaning: hint }, noun, value));
    case "addresses":
      return at(explainText(value, readAddresses, { noun, expected: "an address, a prefix or a range", hint }));
    case "address":
      return at(explainText(value, readAddress, { noun, expected: "an address", hint }));
    case "network":
      return at(explainText(value, readNetwork, { noun, expected: "an address or a prefix", hint }));
    case "ports":
      return explainPorts(path, value, hint);
    case "netmask":
      return at(explainNetmask(value, hint));
    case "flag":
      return at(wrongType(noun, value, "true or false", hint));
    case "duration":
    case "durationOrOff":
      return at(explainDuration(noun, value, field));
    case "persistence":
      if (!isScalar(value)) return at(wrongType(noun, value, "a duration", hint));
      return at(explainDuration(noun, value, { meaning: hint, rangeMs: timeoutRangeMs }));
    case "check":
      return at(explainChoice({ words: plainCheckKinds, planned: [], meaning: hint }, noun, value));
    case "statuses":
    case "pattern":
    case "expression":
    case "hexadecimal":
    case "words":
    case "path":
    case "domain":
    case "text":
      return at(explainPart(field.kind, noun, value, hint));
    case "interface":
    case "name":
      return at(explainInterface(value, hint));
    case "list":
      if (!Array.isArray(value)) return at(wrongType(noun, value, "a list", hint));
      return at({ code: "YM_CONFIG_VALUE", message: `the list ${quoteValue(noun)} is empty`, hint });
    case "map":
      return at(wrongType(path.length === 0 ? "the file" : placeName(path), value, "a map", hint));
  }
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number";
}

function explainInteger(field: Omit<IntegerField, "kind">, noun: string, value: unknown): FaultText {
  const range = `${field.minimum}–${field.maximum}`;
  if (typeof value !== "number") return wrongType(noun, value, "a number", field.meaning);
  const isWhole = Number.isInteger(value);
  const message = isWhole ? `${noun} ${value} is outside ${range}` : `${noun} ${value} is no whole number`;
  return { code: "YM_CONFIG_RANGE", message, hint: field.meaning };
}

/** Of a list each entry that is wrong, at its own place. */
function explainPorts(path: Path, value: unknown, hint: string): readonly (readonly [Path, FaultText])[] {
  if (Array.isArray(value) && value.length > 0) {
    return (value as readonly unknown[]).flatMap((entry, index) =>
      "problem" in readPortEntry(entry) ? [[[...path, index], explainPort(entry, hint)] as const] : [],
    );
  }
  return [[path, explainPort(value, hint)]];
}

function explainPort(value: unknown, hint: string): FaultText {
  const reading = readPorts(value);
  const isForm = typeof value === "number" || (typeof value === "string" && /^\d+-\d+$/.test(value));
  if (isForm && "problem" in reading) return { code: "YM_CONFIG_RANGE", message: reading.problem, hint };
  if (Array.isArray(value) && value.length === 0) {
    return { code: "YM_CONFIG_VALUE", message: `the list "port" is empty`, hint };
  }
  return wrongType("port", value, "a number or a range", hint);
}

function explainNetmask(value: unknown, hint: string): FaultText {
  if (typeof value !== "number" && typeof value !== "string") return wrongType("netmask", value, "a number", hint);
  const reading = readNetmask(value);
  const problem = "problem" in reading ? reading.problem : "is good";
  const message = typeof value === "number" ? problem : `${quoteValue(value)} ${problem}`;
  return { code: "YM_CONFIG_VALUE", message, hint };
}

function explainChoice(field: Omit<ChoiceField, "kind">, noun: string, value: unknown): FaultText {
  const { words, planned, meaning: hint } = field;
  if (typeof value !== "string") return wrongType(noun, value, "a word", hint);
  if (planned.includes(value)) {
    const message = `${noun} ${quoteValue(value)} is not supported yet`;
    const because = field.plannedBecause === undefined ? "" : `; ${field.plannedBecause}`;
    return { code: notSupported, message, hint: `this version has ${orList(words)}${because}` };
  }
  const near = suggest(value, [...words, ...planned]);
  const suggestion = near === undefined ? "" : `did you mean ${quoteValue(near)}? `;
  return { code: "YM_CONFIG_VALUE", message: `unknown ${noun} ${quoteValue(value)}`, hint: `${suggestion}${hint}` };
}

function explainText(
  value: unknown,
  read: (text: string) => Reading<unknown>,
  { noun, expected, hint }: { readonly noun: string; readonly expected: string; readonly hint: string },
): FaultText {
  if (typeof value !== "string") return wrongType(noun, value, expected, hint);
  const reading = read(value);
  const problem = "problem" in reading ? reading.problem : "is good";
  return { code: "YM_CONFIG_ADDRESS", message: `${quoteValue(value)} ${problem}`, hint };
}

function explainDuration(
  noun: string,
  value: unknown,
  { meaning: hint, rangeMs }: Pick<DurationField, "meaning" | "rangeMs">,
): FaultText {
  if (typeof value === "number") {
    const message = `duration ${value} of ${quoteValue(noun)} has no unit`;
    return { code: "YM_CONFIG_DURATION", message, hint: `write ${value}s for seconds; ${hint}` };
  }
  if (typeof value !== "string") return wrongType(noun, value, "a duration", hint);
  const range = `${formatDuration(rangeMs.minimum)}–${formatDuration(rangeMs.maximum)}`;
  const problem = durationPattern.test(value) ? `is outside ${range}` : "is no duration";
  return { code: "YM_CONFIG_DURATION", message: `${quoteValue(value)} ${problem}`, hint };
}

function explainInterface(value: unknown, hint: string): FaultText {
  if (typeof value !== "string") return wrongType("entry", value, "an interface name", hint);
  return { code: "YM_CONFIG_VALUE", message: `${quoteValue(value)} cannot be an interface's name`, hint };
}

/** A map of the file in words: `service "web"`, `server 2 of service "web"`, `entry 1 of director.marks`. */
export function placeName(path: Path): string {
  const last = path.at(-1);
  const owner = path.slice(0, -1);
  if (path[0] !== "services" || path.length < 2) {
    return typeof last === "number" ? `entry ${last + 1} of ${owner.join(".")}` : path.join(".");
  }
  if (path.length === 2) return `service ${quoteValue(String(last))}`;
  if (typeof last === "number" && owner.at(-1) === "servers") {
    return `server ${last + 1} of ${placeName(owner.slice(0, -1))}`;
  }
  if (typeof last === "number") return `entry ${last + 1} of ${placeName(owner)}`;
  return `${last} of ${placeName(owner)}`;
}
