// What is wrong with the parts of a health check that are text of their own form.
import {
  readDomain,
  readExpression,
  readHexadecimal,
  readPath,
  readPattern,
  readStatuses,
  readText,
  readWords,
} from "./check-values.ts";
import { quoteValue } from "./fault.ts";
import type { TextField } from "./field.ts";
import type { FaultText } from "./source.ts";
import type { Reading } from "./values.ts";
import { wrongType } from "./wrong-type.ts";

type PartKind = Extract<
  TextField["kind"],
  "statuses" | "pattern" | "expression" | "hexadecimal" | "words" | "path" | "domain" | "text"
>;

const parts: Readonly<Record<PartKind, { readonly read: (value: unknown) => Reading<unknown>; readonly is: string }>> =
  {
    statuses: { read: readStatuses, is: "a number, a list or a range" },
    pattern: { read: readPattern, is: "text or a map" },
    expression: { read: readExpression, is: "text" },
    hexadecimal: { read: readHexadecimal, is: "text" },
    words: { read: readWords, is: "a list of texts" },
    path: { read: readPath, is: "text" },
    domain: { read: readDomain, is: "text" },
    text: { read: readText, is: "text" },
  };

/** Says it. */
export function explainPart(kind: PartKind, noun: string, value: unknown, hint: string): FaultText {
  const { read, is } = parts[kind];
  const reading = read(value);
  if (!("problem" in reading) || reading.problem === "") return wrongType(noun, value, is, hint);
  const shown = typeof value === "object" ? noun : `${noun} ${quoteValue(value)}`;
  return { code: "YM_CONFIG_VALUE", message: `${shown} ${reading.problem}`, hint };
}
