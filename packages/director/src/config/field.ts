// The kinds of fields that a configuration is made of, as data: what each may hold, and in words what would be right.

/** A whole number with bounds. */
export interface IntegerField {
  readonly kind: "integer";
  readonly minimum: number;
  readonly maximum: number;
  readonly meaning: string;
}

/** One of several words; `planned` are understood and refused as not built yet. */
export interface ChoiceField<Word extends string = string> {
  readonly kind: "choice";
  readonly words: readonly [Word, ...Word[]];
  readonly planned: readonly string[];
  /** Why these are not built; undefined: just not yet. */
  readonly plannedBecause?: string;
  readonly meaning: string;
}

/** A whole number with bounds, or one of several words. */
export interface WordOrNumberField extends Omit<IntegerField, "kind"> {
  readonly kind: "wordOrNumber";
  readonly words: readonly [string, ...string[]];
}

/** A value of another form than a number or a word from a list. */
export interface TextField {
  readonly kind:
    | "address"
    | "addresses"
    | "encapsulation"
    | "network"
    | "ports"
    | "netmask"
    | "persistence"
    | "flag"
    | "interface"
    | "name"
    | "check"
    | "statuses"
    | "pattern"
    | "expression"
    | "hexadecimal"
    | "words"
    | "path"
    | "domain"
    | "text";
  readonly meaning: string;
}

/** A duration between two others, in milliseconds, or perhaps the word off. */
export interface DurationField {
  readonly kind: "duration" | "durationOrOff";
  readonly rangeMs: { readonly minimum: number; readonly maximum: number };
  readonly meaning: string;
}

/** A map or a list; `planned` are keys of it that are understood and refused as not built yet. */
export interface GroupField {
  readonly kind: "map" | "list";
  readonly planned: readonly string[];
  readonly meaning: string;
}

export type Field = IntegerField | ChoiceField | WordOrNumberField | DurationField | TextField | GroupField;

/** Shortest and longest duration of a timeout: at 1,000 ticks a second, 31 bits of ticks are 24.8 days. */
export const timeoutRangeMs = { minimum: 1_000, maximum: 20 * 86_400_000 } as const;

/** A whole number. */
export const integer = (minimum: number, maximum: number, meaning: string): IntegerField => ({
  kind: "integer",
  minimum,
  maximum,
  meaning,
});
/** Text with a unit, between these durations. */
export const duration = (meaning: string, range: DurationField["rangeMs"] = timeoutRangeMs): DurationField => ({
  kind: "duration",
  rangeMs: range,
  meaning,
});
/** The same, or the word off. */
export const durationOrOff = (meaning: string): DurationField => ({ ...duration(meaning), kind: "durationOrOff" });
/** A value of another form. */
export const text = <Kind extends TextField["kind"]>(kind: Kind, meaning: string) => ({ kind, meaning });
/** One of these words. */
export const choice = <Word extends string>(
  words: readonly [Word, ...Word[]],
  meaning: string,
  planned: readonly string[] = [],
): ChoiceField<Word> => ({ kind: "choice", words, planned, meaning: `${meaning}: ${orList(words)}` });
/** A map or a list. */
export const group = (kind: "map" | "list", meaning: string, planned: readonly string[] = []): GroupField => ({
  kind,
  planned,
  meaning,
});

/** "a, b or c". */
export function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}
