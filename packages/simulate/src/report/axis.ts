// Where the marks of an axis stand: at round numbers, few enough to read.

/** About `wanted` marks from 0 to at least `most`, in steps of 1, 2 or 5 times a power of ten. */
export function marksUpTo(most: number, wanted: number): readonly number[] {
  if (most <= 0) return [0, 1];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10) * power;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) =>
    Number((index * step).toPrecision(12)),
  );
}

/** A time axis: marks in milliseconds, and what is written at them. */
export function timeMarks(
  durationMs: number,
  wanted: number,
): readonly { readonly atMs: number; readonly text: string }[] {
  const { unitMs, name } = unitFor(durationMs);
  return marksUpTo(durationMs / unitMs, wanted)
    .filter((mark) => mark * unitMs <= durationMs * 1.001)
    .map((mark) => ({ atMs: mark * unitMs, text: `${mark} ${name}` }));
}

function unitFor(durationMs: number): { readonly unitMs: number; readonly name: string } {
  if (durationMs >= 2 * 3_600_000) return { unitMs: 3_600_000, name: "h" };
  if (durationMs >= 5 * 60_000) return { unitMs: 60_000, name: "min" };
  if (durationMs >= 1_000) return { unitMs: 1_000, name: "s" };
  return { unitMs: 1, name: "ms" };
}
