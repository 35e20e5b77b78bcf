// Puts a simulated run in plain words for the terminal: first of all that it is simulated. No latencies: they would be
// the simulation's own assumptions.
import { expectedConnections } from "../expectations.ts";
import type { ServiceResult } from "../lab-report.ts";
import type { SimulatedLabReport, SimulatedMethodReport } from "./simulated-report.ts";

/** The first words of the output: what this run is, and how to get the real one. */
export function noteText(reason: string): string {
  return (
    `${reason}: this is the same bytecode in the interpreter, over a simulated network of the same topology.\n` +
    "No kernel takes part and no time is measured; as root on Linux, `yardmaster lab` runs it all for real."
  );
}

/** What one method's run showed: its services, the client addresses, the way of the packets. */
export function simulatedMethodText(report: SimulatedMethodReport): string {
  const { method, description, directorInterfaces, frames, programRuns, instructions } = report;
  const each = programRuns === 0 ? 0 : Math.round(instructions / programRuns);
  const share = frames.replies === 0 ? 0 : Math.round((100 * frames.repliesThroughDirector) / frames.replies);
  const unmet = report.expectations.filter(({ met }) => !met);
  return [
    "",
    `${method.toUpperCase()} (simulated): ${description}`,
    `  director: interpreted bytecode on ${directorInterfaces.join(" and ")}; ` +
      `${programRuns} packets, about ${each} instructions each`,
    "",
    ...table(report.services).map((line) => `  ${line}`),
    "  server columns: connections (what the weights ask for)",
    "",
    `  address that servers saw: ${addressText(report)}`,
    `  requests: ${frames.requests} frames, router to director`,
    `  replies: ${frames.replies} frames from the servers, ` +
      `${frames.repliesThroughDirector} of them (${share} %) through the director`,
    `  packets the director did not forward: ${verdictText(report)}`,
    ...(unmet.length === 0
      ? [`  all ${report.expectations.length} expectations met`]
      : unmet.map(({ what, detail }) => `  NOT MET: ${what} (${detail})`)),
    "",
  ].join("\n");
}

/** The last line of a run. */
export function simulatedSummaryText({ methods }: SimulatedLabReport): string {
  const failed = methods.filter(({ passed }) => !passed).map(({ method }) => method);
  return failed.length === 0
    ? "The simulated lab passed.\n"
    : `The simulated lab FAILED for ${failed.join(" and ")}.\n`;
}

function table(services: readonly ServiceResult[]): readonly string[] {
  const servers = services[0]?.service.destinations.map(({ host }) => host) ?? [];
  const rows = [
    ["service", "scheduler", "sent", "answered", "failed", "connections", ...servers],
    ...services.map(serviceRow),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const pad = (cell: string, column: number): string =>
    column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join("  ").trimEnd());
}

function serviceRow(result: ServiceResult): readonly string[] {
  const { service, traffic } = result;
  const expected = expectedConnections(result).map((count) => String(Math.round(count * 10) / 10));
  const shares = service.destinations.map(({ host }, index) => {
    const connections = traffic.connectionsByServer[host] ?? 0;
    // Source hashing follows the addresses, not the weights.
    return service.scheduler === "sh" ? String(connections) : `${connections} (${expected[index]})`;
  });
  const { sent, answered, connections } = traffic;
  const name = `${service.name} ${service.protocol}/${service.port}`;
  return [name, service.scheduler, ...[sent, answered, sent - answered, connections].map(String), ...shares];
}

function addressText({ services, clients }: SimulatedMethodReport): string {
  const answered = services.reduce((total, { traffic }) => total + traffic.answered, 0);
  const own = services.reduce((total, { traffic }) => total + traffic.ownAddressSeen, 0);
  const foreign = services.flatMap(({ traffic }) => traffic.foreignAddressesSeen).slice(0, 3);
  const others = foreign.length === 0 ? "" : `; others: ${foreign.join(", ")}`;
  return `the client's own in ${own} of ${answered} answers, from ${clients} client addresses${others}`;
}

function verdictText({ status }: SimulatedMethodReport): string {
  const texts = status.verdicts.map(({ verdict, reason, packets }) => `${verdict} ${reason} ${packets}`);
  return texts.length === 0 ? "none" : texts.join(", ");
}
