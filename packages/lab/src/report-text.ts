// Puts a lab report in plain words and numbers for the terminal.
import { expectedConnections } from "./expectations.ts";
import type { LabReport, MethodReport, ServiceResult } from "./lab-report.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";

/** What one method's run showed: a table of its services, the client addresses, the way of the packets. */
export function methodText(report: MethodReport): string {
  const hooks = report.status.hooks.map((hook) => `${hook.mode} XDP on ${hook.interfaceName}`).join(", ");
  const unmet = report.expectations.filter((expectation) => !expectation.met);
  return [
    "",
    `${report.method.toUpperCase()}: ${report.description}`,
    `  director: ${hooks === "" ? "attached nowhere" : hooks}; ready ${report.readyAfterMs} ms after its start`,
    "",
    ...table(report.services).map((line) => `  ${line}`),
    "  server columns: connections (what the weights ask for)",
    "",
    `  address that servers saw: ${addressText(report)}`,
    ...wayLines(report).map((line) => `  ${line}`),
    `  packets the director did not forward: ${verdictText(report)}`,
    ...(unmet.length === 0
      ? [`  all ${report.expectations.length} expectations met`]
      : unmet.map(({ what, detail }) => `  NOT MET: ${what} (${detail})`)),
    "",
  ].join("\n");
}

/** The last line of a run. */
export function summaryText(report: LabReport): string {
  const failed = report.methods.filter((method) => !method.passed).map((method) => method.method);
  return failed.length === 0 ? "The lab passed.\n" : `The lab FAILED for ${failed.join(" and ")}.\n`;
}

/** How to use a network that was left standing. */
export function keptText(network: LabNetwork, socketPath: string): string {
  const { layout } = network;
  const web = layout.services[0];
  return [
    `${layout.method.toUpperCase()} is left standing. Enter its hosts with:`,
    ...layout.hosts.map(({ name }) => `  ip netns exec ${namespaceOf(network, name)} bash`),
    `Ask the service: ip netns exec ${namespaceOf(network, "client")} curl http://${web?.address}:${web?.port}/`,
    `Ask the director: yardmaster status --socket ${socketPath}`,
    "",
  ].join("\n");
}

function table(services: readonly ServiceResult[]): readonly string[] {
  const servers = services[0]?.service.destinations.map(({ host }) => host) ?? [];
  const header = ["service", "scheduler", "sent", "answered", "failed", "connections", ...servers, "p50", "p99"];
  const rows = [header, ...services.map(serviceRow)];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

function serviceRow(result: ServiceResult): readonly string[] {
  const { service, traffic } = result;
  const expected = expectedConnections(result);
  const shares = service.destinations.map(({ host }, index) => {
    const connections = traffic.connectionsByServer[host] ?? 0;
    return service.scheduler === "sh" ? `${connections}` : `${connections} (${formatShare(expected[index] ?? 0)})`;
  });
  return [
    `${service.name} ${service.protocol}/${service.port}`,
    service.scheduler,
    String(traffic.sent),
    String(traffic.answered),
    String(traffic.sent - traffic.answered),
    String(traffic.connections),
    ...shares,
    `${traffic.latencyMs.p50.toFixed(1)} ms`,
    `${traffic.latencyMs.p99.toFixed(1)} ms`,
  ];
}

function formatShare(connections: number): string {
  return Number.isInteger(connections) ? String(connections) : connections.toFixed(1);
}

function addressText({ services, clients }: MethodReport): string {
  const answered = services.reduce((sum, { traffic }) => sum + traffic.answered, 0);
  const own = services.reduce((sum, { traffic }) => sum + traffic.ownAddressSeen, 0);
  const foreign = services.flatMap(({ traffic }) => traffic.foreignAddressesSeen).slice(0, 3);
  const others = foreign.length === 0 ? "" : `; others: ${foreign.join(", ")}`;
  return `the client's own in ${own} of ${answered} answers, from ${clients} client addresses${others}`;
}

function wayLines({ frames }: MethodReport): readonly string[] {
  const { requests, replies, repliesThroughDirector } = frames;
  const share = replies === 0 ? 0 : Math.round((100 * repliesThroughDirector) / replies);
  return [
    `requests: ${requests} frames, router to director`,
    `replies: ${replies} frames from the servers, ${repliesThroughDirector} of them (${share} %) through the director`,
  ];
}

function verdictText({ status }: MethodReport): string {
  const counts = status.verdicts.filter(({ packets }) => packets > 0);
  const text = counts.map(({ verdict, reason, packets }) => `${verdict} ${reason} ${packets}`).join(", ");
  return text === "" ? "none" : text;
}
