// The comparison for people: how many connections each server got of each director, a line for each case.
import type { Case } from "./cases.ts";
import { chosenAtAll, differenceOf, shareOf } from "./compare.ts";
import { servers } from "./layout.ts";
import type { Outcome } from "./side-by-side.ts";

/**
 * A table: each cell is what IPVS chose and, behind the bar, what Yardmaster chose. Below it the schedulers that the
 * kernel's IPVS lacks.
 */
export function table(outcomes: readonly (readonly [Case, Outcome])[], lacking: readonly string[]): string {
  const header = ["scheduler", "method", "protocol", ...servers.map(titleOf), "refused", "one by one"];
  const rows = [header, ...outcomes.map(([each, outcome]) => rowOf(each, outcome))];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const notes = lacking.map((name) => `${name}: not in this kernel's IPVS`);
  return ["Connections of each server (its weight): IPVS | Yardmaster", ...lines, ...notes, ""].join("\n");
}

function titleOf({ name, weight }: (typeof servers)[number]): string {
  return `${name} (${weight})`;
}

function rowOf(each: Case, outcome: Outcome): readonly string[] {
  const { scheduler, options, method, protocol } = each;
  const [theirs, ours] = [shareOf(outcome.ipvs.chosen), shareOf(outcome.yardmaster.chosen)];
  return [
    [scheduler, ...options].join(" "),
    method,
    protocol,
    ...theirs.map((share, at) => `${share} | ${ours[at]}`),
    disagreementOf(each, outcome) ?? (each.isRandom ? "by lot, the same servers" : "the same"),
  ];
}

/** Where the two do not agree, in words; undefined where they do, as far as chance lets them. */
export function disagreementOf({ isRandom }: Case, { ipvs, yardmaster }: Outcome): string | undefined {
  if (isRandom) {
    const [theirs, ours] = [chosenAtAll(ipvs.chosen), chosenAtAll(yardmaster.chosen)];
    return String(theirs) === String(ours) ? undefined : `differ: ${theirs.join(", ")} | ${ours.join(", ")}`;
  }
  const at = differenceOf(ipvs.chosen, yardmaster.chosen);
  if (at !== undefined) return `differ from ${at + 1} on: ${ipvs.chosen[at]} | ${yardmaster.chosen[at]}`;
  const line = differenceOf(ipvs.counts, yardmaster.counts);
  return line === undefined ? undefined : `count differently: ${ipvs.counts[line]} | ${yardmaster.counts[line]}`;
}
