// Drives traffic from the client host: starts the traffic program there and hands it one job per service.
import type { HostProcess } from "./host-process.ts";
import { ask, programCommand, startHostProcess } from "./host-process.ts";
import { orInterrupted } from "./lab-error.ts";
import type { LabScenario, LabService } from "./layout.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";
import type { TrafficJob, TrafficReport } from "./traffic-job.ts";

const concurrency = 12;
/** wlc follows what is open at the moment: only one connection at a time leaves its shares to the weights alone. */
const concurrencyForLeastConnection = 1;
const requestsPerKeptConnection = 5;
const requestTimeoutMs = 3_000;
const failureLimit = 24;

/** The traffic program of each scenario. */
const programs: Readonly<Record<LabScenario, string>> = {
  path: "client",
  shares: "client",
  mixed: "mixer",
  tools: "client",
};

/** Starts the scenario's traffic program on the client host. */
export function startClient(network: LabNetwork, logFolder: string): HostProcess {
  const namespace = namespaceOf(network, "client");
  const command = programCommand(programs[network.layout.scenario]);
  return startHostProcess({ namespace, name: "client", command, logFolder, channel: "messages" });
}

/** Sends this many requests to a service, from all the client's addresses, and waits for the outcome. */
export async function driveTraffic(
  client: HostProcess,
  target: { readonly service: LabService; readonly clientAddresses: readonly string[]; readonly requests: number },
  signal: AbortSignal | undefined,
): Promise<TrafficReport> {
  const { protocol, address, port } = target.service;
  const job: TrafficJob = {
    protocol,
    address,
    port,
    clientAddresses: target.clientAddresses,
    requests: target.requests,
    concurrency: target.service.scheduler === "wlc" ? concurrencyForLeastConnection : concurrency,
    requestsPerKeptConnection,
    requestTimeoutMs,
    failureLimit,
  };
  return (await orInterrupted(ask(client, { ...job }), signal)) as TrafficReport;
}
