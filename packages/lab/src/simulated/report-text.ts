// Puts a simulated run in plain words for the terminal: first of all that it is simulated. No latencies: they would be
// the simulation's own assumptions.
import { expectedConnections } from "../expectations.ts";
import type { ServiceResult } from "../lab-report.ts";
import { titleOf } from "../choice-text.ts";
import { failedRuns, scenarioLines } from "../scenario-text.ts";
import { textTable } from "../text-table.ts";
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
  const { description, directorInterfaces, frames, programRuns, instructions } = report;
  const each = programRuns === 0 ? 0 : Math.round(instructions / programRuns);
  const share = frames.replies === 0 ? 0 : Math.round((100 * frames.repliesThroughDirector) / frames.replies);
  const unmet = report.expectations.filter(({ met }) => !met);
  return [
    "",
    `${titleOf(report)} (simulated): ${description}`,
    `  director: interpreted bytecode on ${directorInterfaces.join(" and ")}; ` +
      `${programRuns} packets, about ${each} instructions each`,
    "",
    ...scenarioLines(report, table).map((line) => (line === "" ? "" : `  ${line}`)),
    `  requests: ${frames.requests} packets from the client`,
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
  const failed = failedRuns(methods);
  return failed === undefined ? "The simulated lab passed.\n" : `The simulated lab FAILED for ${failed}.\n`;
}

function table(services: readonly ServiceResult[]): readonly string[] {
  const servers = services[0]?.service.destinations.map(({ host }) => host) ?? [];
  const header = ["service", "scheduler", "sent", "answered", "failed", "connections", ...servers];
  return textTable([header, ...services.map(serviceRow)], new Set([0, 1]));
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

function verdictText({ status }: SimulatedMethodReport): string {
  const texts = status.verdicts.map(({ verdict, reason, packets }) => `${verdict} ${reason} ${packets}`);
  return texts.length === 0 ? "none" : texts.join(", ");
}
