// What real and simulated lab say alike: the runs that failed, and the lines that are its scenario's own.
import { nameOf } from "./choice-text.ts";
import type { MethodReport, ServiceResult } from "./lab-report.ts";
import { mixedLines } from "./mixed/mixed-text.ts";
import { toolsLines } from "./tools/tools-text.ts";
import { traceLines } from "./trace/trace-text.ts";

/** The runs that did not pass, `nat-ipv4-shares and dr-ipv4-mixed`; undefined when all did. */
export function failedRuns(methods: readonly MethodReport[]): string | undefined {
  const failed = methods.filter(({ passed }) => !passed);
  const names = failed.map(nameOf);
  return names.length === 0 ? undefined : names.join(" and ");
}

/** What the scenario showed of its services; `table` lays out those of `shares`. */
export function scenarioLines(
  report: MethodReport,
  table: (services: readonly ServiceResult[]) => readonly string[],
): readonly string[] {
  if (report.mixed !== undefined) return mixedLines(report.mixed);
  if (report.tools !== undefined) return toolsLines(report.tools);
  if (report.scenario === "path") return pathLines(report);
  return [
    ...table(report.services),
    "server columns: connections (what the weights ask for)",
    "",
    `address that servers saw: ${addressText(report)}`,
    "",
    ...pathLines(report),
  ];
}

function pathLines({ trace }: MethodReport): readonly string[] {
  return [...(trace === undefined ? ["no request and reply were seen on their way"] : traceLines(trace)), ""];
}

function addressText({ services, clients }: MethodReport): string {
  const answered = services.reduce((sum, { traffic }) => sum + traffic.answered, 0);
  const own = services.reduce((sum, { traffic }) => sum + traffic.ownAddressSeen, 0);
  const foreign = services.flatMap(({ traffic }) => traffic.foreignAddressesSeen).slice(0, 3);
  const others = foreign.length === 0 ? "" : `; others: ${foreign.join(", ")}`;
  return `the client's own in ${own} of ${answered} answers, from ${clients} client addresses${others}`;
}
