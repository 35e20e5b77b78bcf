// Runs the lab: for each forwarding method it builds the network, starts servers and the real director,
// drives traffic, judges what it saw and takes everything down again, however the run ends.
import { createLabFolder, labFolder, markKept, removeLeftovers, takeDown } from "./cleanup.ts";
import { directorConfig } from "./director-config.ts";
import type { DirectorCommand, RunningDirector } from "./director-process.ts";
import {
  defaultDirectorCommand,
  settledStatus,
  startDirector,
  stopDirector,
  waitForDirector,
} from "./director-process.ts";
import { judge } from "./expectations.ts";
import { framesBetween, readFrames } from "./frames.ts";
import type { HostProcess } from "./host-process.ts";
import { leaveRunning, stopHostProcess, waitForPrograms } from "./host-process.ts";
import { LabError, throwIfInterrupted } from "./lab-error.ts";
import type { LabReport, MethodMeasurement, MethodReport, ServiceResult } from "./lab-report.ts";
import { directRoutingLayout } from "./layout-dr.ts";
import { natLayout } from "./layout-nat.ts";
import type { LabLayout, LabMethod } from "./layout.ts";
import type { LabNetwork } from "./network.ts";
import { buildNetwork } from "./network.ts";
import { keptText, methodText, summaryText } from "./report-text.ts";
import { startServers } from "./servers.ts";
import { driveTraffic, startClient } from "./traffic.ts";

/** What to run. */
export interface LabOptions {
  readonly methods: readonly LabMethod[];
  /** Leave the networks standing, with servers and director, and say how to enter them. */
  readonly keep: boolean;
  /** How many client addresses, 1 to 200. */
  readonly clients: number;
  /** Requests to each service. */
  readonly requests: number;
  /** Write one JSON document (a LabReport) instead of words. */
  readonly json: boolean;
  readonly write: (text: string) => void;
  /** Interrupts the run; everything it made is removed. */
  readonly signal?: AbortSignal;
  /** How to start the `yardmaster` command; this source tree's unless given. */
  readonly directorCommand?: DirectorCommand;
}

/** The layout of each forwarding method. */
export const layouts: Readonly<Record<LabMethod, (clients: number) => LabLayout>> = {
  nat: natLayout,
  dr: directRoutingLayout,
};

/**
 * Runs the lab and reports; `passed` tells whether every expectation was met. Throws LabError when the lab itself
 * could not run (YM_LAB_INTERRUPTED after `signal`); either way nothing is left behind, unless `keep` asks for it.
 */
export async function runLab(options: LabOptions): Promise<LabReport> {
  assertPermitted();
  const tell = options.json ? (): void => undefined : options.write;
  const removed = await removeLeftovers();
  if (removed.length > 0) tell(`Removed what a killed run had left: ${removed.join(", ")}.\n`);
  const name = createLabFolder();
  let kept = false;
  try {
    const methods: MethodReport[] = [];
    for (const method of options.methods) {
      const { report, howToUse } = await runMethod(name, method, options);
      tell(`${methodText(report)}${howToUse}`);
      methods.push(report);
    }
    const report: LabReport = { name, kept: options.keep, methods, passed: methods.every(({ passed }) => passed) };
    throwIfInterrupted(options.signal);
    if (options.keep) {
      markKept(name);
      kept = true;
      tell(`Remove it all with: yardmaster lab --remove ${name}\n`);
    }
    options.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : summaryText(report));
    return report;
  } finally {
    if (!kept) await takeDown(name);
  }
}

function assertPermitted(): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    const what = "it builds network namespaces, which needs Linux and root";
    throw new LabError("YM_LAB_NOT_PERMITTED", `running the lab: ${what}; run it with sudo`);
  }
}

/** A method's report and, when it is left standing, how to use it. */
interface MethodOutcome {
  readonly report: MethodReport;
  readonly howToUse: string;
}

async function runMethod(name: string, method: LabMethod, options: LabOptions): Promise<MethodOutcome> {
  throwIfInterrupted(options.signal);
  const layout = layouts[method](options.clients);
  const folder = labFolder(name);
  const network = await buildNetwork(layout, `${name}-${method}`);
  throwIfInterrupted(options.signal);
  const started: HostProcess[] = [];
  let left = false;
  try {
    const servers = startServers(network, folder);
    const client = startClient(network, folder);
    started.push(...servers, client);
    await waitForPrograms(started, options.signal);
    const command = options.directorCommand ?? defaultDirectorCommand;
    const director = startDirector(network, { command, config: directorConfig(layout), folder });
    started.push(director.process);
    const readyAfterMs = await waitForDirector(director, options.signal);
    const measured = { readyAfterMs, ...(await measure(network, { client, director }, options)) };
    if (!options.keep) {
      const directorEnd = await stopDirector(network, director);
      return { report: judged({ ...measured, directorEnd }), howToUse: "" };
    }
    await stopHostProcess(client);
    await leaveRunning(servers);
    director.process.child.unref();
    left = true;
    return { report: judged(measured), howToUse: keptText(network, director.socketPath) };
  } finally {
    if (!left) await Promise.all(started.map(stopHostProcess));
  }
}

async function measure(
  network: LabNetwork,
  running: { readonly client: HostProcess; readonly director: RunningDirector },
  options: LabOptions,
): Promise<Omit<MethodMeasurement, "readyAfterMs">> {
  const { layout } = network;
  const before = await readFrames(network);
  const services: ServiceResult[] = [];
  for (const service of layout.services) {
    const target = { service, clientAddresses: layout.clientAddresses, requests: options.requests };
    const traffic = await driveTraffic(running.client, target, options.signal);
    services.push({ service, requests: options.requests, traffic });
  }
  const status = await settledStatus(running.director);
  return {
    method: layout.method,
    description: layout.description,
    clients: layout.clientAddresses.length,
    services,
    frames: framesBetween(before, await readFrames(network)),
    repliesPassDirector: layout.repliesPassDirector,
    directorInterfaces: layout.directorInterfaces,
    status,
  };
}

function judged(measured: MethodMeasurement): MethodReport {
  const expectations = judge(measured);
  return { ...measured, expectations, passed: expectations.every(({ met }) => met) };
}
