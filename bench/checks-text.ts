// What checks take, as people read it.

import type { CheckCase, ChecksMeasured } from "./checks.ts";
import { table } from "./report.ts";

/** A table of all ways. */
export function checksText({ effort, idleShare, cases, date }: ChecksMeasured): string {
  const { services, serversEach, forMs } = effort;
  const four = (values: CheckCase["lateMs"]) => values.map((ms) => ms.toFixed(0)).join(" ");
  const rows = cases.map((one) => [
    `${one.kind} ${one.via}`,
    one.perSecond.toFixed(0),
    one.cpuShare.toFixed(2),
    one.systemShare.toFixed(2),
    one.machineShare.toFixed(2),
    four(one.lateMs),
    four(one.tookMs),
    `${one.notGood}, ${one.down}`,
    one.descriptors.join(" "),
    (one.residentBytes / 1e6).toFixed(0),
  ]);
  const titles = [
    ...["checks", "a second", "of a core", "in kernel", "machine", "late ms *", "took ms *"],
    ...["not good, down", "descriptors **", "MB"],
  ];
  const day = date.slice(0, 10);
  const title = `${services * serversEach} servers checked once a second, ${forMs / 1000} s each way (${day})`;
  return [
    table(title, titles, rows),
    "* median, 99 %, 99.9 %, most of the last 20 of each check; ** before, most, after",
    `without checks ${idleShare.toFixed(3)} of a core; "machine" is all that ran on it, in cores`,
  ].join("\n");
}
