// From a field of the configuration (field.ts) to the zod schema of its value, for the kinds that many places share.
import { z } from "zod";
import { durationPattern, formatDuration, tryParseDurationMs } from "./duration.ts";
import type { ChoiceField, DurationField, IntegerField, TextField } from "./field.ts";
import { type Reading, valueOf } from "./values.ts";

/** A whole number. */
export const integer = (field: IntegerField) => z.int().min(field.minimum).max(field.maximum).describe(field.meaning);
/** One of several words. */
export const choice = <Word extends string>(field: ChoiceField<Word>) => z.enum(field.words).describe(field.meaning);
/** True or false. */
export const flag = (field: TextField) => z.boolean().describe(field.meaning);
const isGood = (reading: Reading<unknown>) => "value" in reading;

/** A value in, what it means out. */
export const meant = <Written, T>(
  schema: z.ZodType<Written, Written>,
  read: (value: Written) => Reading<T>,
  field: TextField,
) =>
  schema
    .refine((value) => isGood(read(value)))
    .describe(field.meaning)
    .transform((value) => valueOf(read(value)));

/** Text such as "5m" in, milliseconds out. */
export const duration = (field: DurationField) =>
  z
    .string()
    .regex(durationPattern)
    .refine((text) => isInRange(tryParseDurationMs(text), field.rangeMs))
    .describe(field.meaning)
    .transform((text) => tryParseDurationMs(text) ?? 0);
/** The same, 0 for the word off. */
export const durationOrOff = (field: DurationField) =>
  z.union([z.literal("off").transform(() => 0), duration(field)]).describe(field.meaning);
/** A duration, with what it is where nothing is written. */
export const durationOr = (field: DurationField, defaultMs: number) =>
  duration(field).prefault(formatDuration(defaultMs));

function isInRange(durationMs: number | undefined, { minimum, maximum }: DurationField["rangeMs"]): boolean {
  // No duration at all is the pattern's fault, not the range's.
  return durationMs === undefined || (durationMs >= minimum && durationMs <= maximum);
}
