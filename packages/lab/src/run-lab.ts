// Runs the lab: for each forwarding method and scenario it builds the network, starts servers and the real director,
// drives traffic, judges what it saw and takes everything down again, however the run ends.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { createLabFolder, labFolder, markKept, removeLeftovers, takeDown } from "./cleanup.ts";
import { directorConfig } from "./director-config.ts";
import { createControlGroup } from "./control-groups.ts";
import type { DirectorCommand } from "./director-process.ts";
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
import type { LabChoice, LabLayout } from "./layout.ts";
import { repliesPassDirector, serverHosts } from "./layout.ts";
import { layoutOf } from "./layouts.ts";
import { measureMixed } from "./mixed/measure.ts";
import type { RunningLab } from "./mixed-site.ts";
import { realSite } from "./mixed-site.ts";
import type { LabNetwork } from "./network.ts";
import { buildNetwork } from "./network.ts";
import { prepareServers } from "./prepare-servers.ts";
import { keptText, methodText, summaryText } from "./report-text.ts";
import { nameOf } from "./choice-text.ts";
import { startServers } from "./servers.ts";
import { recordTrace } from "./trace/record.ts";
import { driveTraffic, startClient } from "./traffic.ts";

/** What to run. */
export interface LabOptions {
  readonly choices: readonly LabChoice[];
  /** Leave the networks standing, with servers and director, and say how to enter them. */
  readonly keep: boolean;
  /** How many client addresses, 1 to 200. */
  readonly clients: number;
  /** Requests to each service of the scenario `shares`. */
  readonly requests: number;
  /** A folder that exists, for capture files of the connections that are followed; none are written without. */
  readonly captureFolder?: string | undefined;
  /** Write one JSON document (a LabReport) instead of words. */
  readonly json: boolean;
  readonly write: (text: string) => void;
  /** Interrupts the run; everything it made is removed. */
  readonly signal?: AbortSignal;
  /** How to start the `yardmaster` command; this source tree's unless given. */
  readonly directorCommand?: DirectorCommand;
}

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
    for (const choice of options.choices) {
      const { report, howToUse } = await runOne(name, layoutOf(choice, options.clients), options);
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

/** A run's report and, when it is left standing, how to use it. */
interface RunOutcome {
  readonly report: MethodReport;
  readonly howToUse: string;
}

async function runOne(name: string, layout: LabLayout, options: LabOptions): Promise<RunOutcome> {
  throwIfInterrupted(options.signal);
  const runName = nameOf(layout);
  // Of its own: programs of one name would continue each other's logs, in which the word is looked for that they wait.
  const folder = join(labFolder(name), runName);
  mkdirSync(folder);
  const network = await buildNetwork(layout, `${name}-${runName}`);
  throwIfInterrupted(options.signal);
  const started: HostProcess[] = [];
  let left = false;
  try {
    const command = options.directorCommand ?? defaultDirectorCommand;
    const controlGroupOf = controlGroups(name, layout);
    await prepareServers(network, { command, folder, controlGroupOf });
    const servers = startServers(network, folder, controlGroupOf);
    const client = startClient(network, folder);
    started.push(...servers, client);
    await waitForPrograms(started, options.signal);
    const director = startDirector(network, { command, config: directorConfig(layout), folder });
    started.push(director.process);
    const readyAfterMs = await waitForDirector(director, options.signal);
    const measured = {
      readyAfterMs,
      ...(await measure(network, { client, servers, director, command }, { ...options, runName })),
    };
    if (!options.keep) {
      const directorEnd = await stopDirector(network, director);
      return { report: judged(layout, { ...measured, directorEnd }), howToUse: "" };
    }
    await stopHostProcess(client);
    await leaveRunning(servers);
    director.process.child.unref();
    left = true;
    return { report: judged(layout, measured), howToUse: keptText(network, director.socketPath) };
  } finally {
    if (!left) await Promise.all(started.map(stopHostProcess));
  }
}

/** A control group for each server's programs, where the client's address is given back to them. */
function controlGroups(lab: string, layout: LabLayout): (host: string) => string | undefined {
  if (layout.method !== "fullnat") return () => undefined;
  const paths = new Map(serverHosts(layout).map(({ name }) => [name, createControlGroup(lab, nameOf(layout), name)]));
  return (host) => paths.get(host);
}

async function measure(
  network: LabNetwork,
  running: RunningLab,
  options: LabOptions & { readonly runName: string },
): Promise<Omit<MethodMeasurement, "readyAfterMs">> {
  const { layout } = network;
  const before = await readFrames(network);
  const traffic = await measureTraffic(network, running, options);
  const status = await settledStatus(running.director);
  return {
    method: layout.method,
    scenario: layout.scenario,
    family: layout.family,
    hook: layout.hook,
    ...(layout.encapsulation === undefined ? {} : { encapsulation: layout.encapsulation }),
    description: layout.description,
    clients: layout.clientAddresses.length,
    ...traffic,
    frames: framesBetween(before, await readFrames(network)),
    repliesPassDirector: repliesPassDirector(layout),
    directorInterfaces: layout.directorInterfaces,
    status,
  };
}

/** What the scenario shows: its own part of the measurement. */
async function measureTraffic(
  network: LabNetwork,
  running: RunningLab,
  options: LabOptions & { readonly runName: string },
): Promise<Pick<MethodMeasurement, "services" | "mixed" | "trace">> {
  const { layout } = network;
  const { signal, captureFolder, runName } = options;
  if (layout.scenario === "mixed") {
    return { services: [], mixed: await measureMixed(layout, realSite(running, signal)) };
  }
  const services = layout.scenario === "path" ? [] : await measureShares(layout, running.client, options);
  const trace = await recordTrace(network, running.client, { captureFolder, name: runName, signal });
  return { services, ...(trace === undefined ? {} : { trace }) };
}

async function measureShares(
  layout: LabLayout,
  client: HostProcess,
  { requests, signal }: LabOptions,
): Promise<readonly ServiceResult[]> {
  const services: ServiceResult[] = [];
  for (const service of layout.services) {
    const target = { service, clientAddresses: layout.clientAddresses, requests };
    services.push({ service, requests, traffic: await driveTraffic(client, target, signal) });
  }
  return services;
}

function judged(layout: LabLayout, measured: MethodMeasurement): MethodReport {
  const expectations = judge(layout, measured);
  return { ...measured, expectations, passed: expectations.every(({ met }) => met) };
}
