// What real and simulated lab say alike: the name of a run, and the lines that are its scenario's own.
import type { MethodReport, ServiceResult } from "./lab-report.ts";
import type { LabChoice, LabMethod, LabScenario } from "./layout.ts";
import { mixedLines } from "./mixed/mixed-text.ts";
import { traceLines } from "./trace/trace-text.ts";

const titles: Readonly<Record<LabMethod, string>> = { nat: "NAT", dr: "DR" };
const suffixes: Readonly<Record<LabScenario, string>> = {
  path: "",
  shares: "",
  mixed: ", long and short connections mixed",
};

/** `NAT over IPv6`, `NAT, long and short connections mixed`. */
export function titleOf({ method, scenario, family }: Omit<LabChoice, "hook">): string {
  return `${titles[method]}${family === "ipv6" ? " over IPv6" : ""}${suffixes[scenario]}`;
}

/** A short name for a choice, also of files and namespaces: `nat-ipv4-shares`, `nat-ipv6-path-xdp-generic`. */
export function nameOf({ method, family, scenario, hook }: LabChoice): string {
  return `${method}-${family}-${scenario}${hook === "xdp" ? "" : `-${hook}`}`;
}

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
