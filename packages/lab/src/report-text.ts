// Puts a lab report in plain words and numbers for the terminal.
import { endpointText } from "./addresses.ts";
import { expectedConnections } from "./expectations.ts";
import type { LabReport, MethodReport, ServiceResult } from "./lab-report.ts";
import type { LabService } from "./layout.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";
import { titleOf } from "./choice-text.ts";
import { failedRuns, scenarioLines } from "./scenario-text.ts";
import { textTable } from "./text-table.ts";
import { askedName } from "./tools/servers.ts";

/** What one method's run showed: a table of its services, the client addresses, the way of the packets. */
export function methodText(report: MethodReport): string {
  const hooks = report.status.hooks
    .map((hook) => `${hook.mode === "tc" ? "tc" : `${hook.mode} XDP`} on ${hook.interfaceName}`)
    .join(", ");
  const unmet = report.expectations.filter((expectation) => !expectation.met);
  return [
    "",
    `${titleOf(report)}: ${report.description}`,
    `  director: ${hooks === "" ? "attached nowhere" : hooks}; ready ${report.readyAfterMs} ms after its start`,
    "",
    ...scenarioLines(report, table).map((line) => (line === "" ? "" : `  ${line}`)),
    ...(report.scenario === "path" || report.scenario === "tools" ? [] : wayLines(report)).map((line) => `  ${line}`),
    `  packets the director did not forward: ${verdictText(report)}`,
    ...(unmet.length === 0
      ? [`  all ${report.expectations.length} expectations met`]
      : unmet.map(({ what, detail }) => `  NOT MET: ${what} (${detail})`)),
    "",
  ].join("\n");
}

/** The last line of a run. */
export function summaryText(report: LabReport): string {
  const failed = failedRuns(report.methods);
  return failed === undefined ? "The lab passed.\n" : `The lab FAILED for ${failed}.\n`;
}

/** How to use a network that was left standing. */
export function keptText(network: LabNetwork, socketPath: string): string {
  const { layout } = network;
  const atClient = `ip netns exec ${namespaceOf(network, "client")}`;
  return [
    `${titleOf(layout)} is left standing. Enter its hosts with:`,
    ...layout.hosts.map(({ name }) => `  ip netns exec ${namespaceOf(network, name)} bash`),
    "Ask its services:",
    ...layout.services.map((service) => `  ${atClient} ${commandThatAsks(service)}`),
    `Ask the director: yardmaster status --socket ${socketPath}`,
    "",
  ].join("\n");
}

/** What people type to use a service. */
function commandThatAsks(service: LabService): string {
  const { name, address, port, protocol } = service;
  if (name === "iperf3") return `iperf3 --client ${address} --port ${port}`;
  if (name === "dnsmasq") return `dig @${address} -p ${port} TXT ${askedName}`;
  return protocol === "tcp" ? `curl http://${endpointText(service)}/` : `nc -u ${address} ${port}`;
}

function table(services: readonly ServiceResult[]): readonly string[] {
  const servers = services[0]?.service.destinations.map(({ host }) => host) ?? [];
  const header = ["service", "scheduler", "sent", "answered", "failed", "connections", ...servers, "p50", "p99"];
  return textTable([header, ...services.map(serviceRow)], new Set([0, 1]));
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

function wayLines({ frames }: MethodReport): readonly string[] {
  const { requests, replies, repliesThroughDirector } = frames;
  const share = replies === 0 ? 0 : Math.round((100 * repliesThroughDirector) / replies);
  return [
    `requests: ${requests} packets from the client`,
    `replies: ${replies} frames from the servers, ${repliesThroughDirector} of them (${share} %) through the director`,
  ];
}

function verdictText({ status }: MethodReport): string {
  const counts = status.verdicts.filter(({ packets }) => packets > 0);
  const text = counts.map(({ verdict, reason, packets }) => `${verdict} ${reason} ${packets}`).join(", ");
  return text === "" ? "none" : text;
}
