// What real and simulated lab say alike: the name of a run, and the lines that are its scenario's own.
import type { MethodReport, ServiceResult } from "./lab-report.ts";
import type { LabScenario } from "./layout.ts";
import { mixedLines } from "./mixed/mixed-text.ts";

const suffixes: Readonly<Record<LabScenario, string>> = { shares: "", mixed: ", long and short connections mixed" };

/** `NAT, long and short connections mixed`. */
export function titleOf({ method, scenario }: Pick<MethodReport, "method" | "scenario">): string {
  return `${method.toUpperCase()}${suffixes[scenario]}`;
}

/** The runs that did not pass, `nat and dr (mixed)`; undefined when all did. */
export function failedRuns(methods: readonly MethodReport[]): string | undefined {
  const failed = methods.filter(({ passed }) => !passed);
  const names = failed.map(({ method, scenario }) => (scenario === "shares" ? method : `${method} (${scenario})`));
  return names.length === 0 ? undefined : names.join(" and ");
}

/** What the scenario showed of its services; `table` lays out those of `shares`. */
export function scenarioLines(
  report: MethodReport,
  table: (services: readonly ServiceResult[]) => readonly string[],
): readonly string[] {
  if (report.mixed !== undefined) return mixedLines(report.mixed);
  return [
    ...table(report.services),
    "server columns: connections (what the weights ask for)",
    "",
    `address that servers saw: ${addressText(report)}`,
  ];
}

function addressText({ services, clients }: MethodReport): string {
  const answered = services.reduce((sum, { traffic }) => sum + traffic.answered, 0);
  const own = services.reduce((sum, { traffic }) => sum + traffic.ownAddressSeen, 0);
  const foreign = services.flatMap(({ traffic }) => traffic.foreignAddressesSeen).slice(0, 3);
  const others = foreign.length === 0 ? "" : `; others: ${foreign.join(", ")}`;
  return `the client's own in ${own} of ${answered} answers, from ${clients} client addresses${others}`;
}
