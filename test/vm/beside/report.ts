// The comparison for people: how many connections each server got of each director, a line for each case.
import type { Case } from "./cases.ts";
import { differenceOf, shareOf } from "./compare.ts";
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

function rowOf({ scheduler, options, method, protocol }: Case, { ipvs, yardmaster }: Outcome): readonly string[] {
  const [theirs, ours] = [shareOf(ipvs.chosen), shareOf(yardmaster.chosen)];
  return [
    [scheduler, ...options].join(" "),
    method,
    protocol,
    ...theirs.map((share, at) => `${share} | ${ours[at]}`),
    agreement(ipvs.chosen, yardmaster.chosen),
  ];
}

function agreement(theirs: readonly string[], ours: readonly string[]): string {
  const at = differenceOf(theirs, ours);
  return at === undefined ? "the same" : `differ from ${at + 1} on: ${theirs[at]} | ${ours[at]}`;
}
