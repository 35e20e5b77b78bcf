// Durations as people write them in the configuration ("250ms", "5m") and as text for people ("3m 12s").
// Inside the code a duration is a number whose name ends in Ms.

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** One whole number and one unit; also used in the JSON Schema. */
export const durationPattern = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Reads "5m" as 300000 milliseconds; undefined if the text is no duration. */
export function tryParseDurationMs(text: string): number | undefined {
  const match = durationPattern.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

/** Writes milliseconds with the one largest unit that divides them: 300000 is "5m". */
export function formatDuration(durationMs: number): string {
  const units = ["d", "h", "m", "s"] as const;
  const unit = units.find((candidate) => durationMs > 0 && durationMs % unitMs[candidate] === 0) ?? "ms";
  return `${durationMs / unitMs[unit]}${unit}`;
}
