// One run of the lab: builds the network of a layout, starts servers and the real director in it, drives the scenario's
// traffic and judges what was seen.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { nameOf } from "./choice-text.ts";
import { labFolder } from "./cleanup.ts";
import { createControlGroup } from "./control-groups.ts";
import { directorConfig } from "./director-config.ts";
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
import { throwIfInterrupted } from "./lab-error.ts";
import type { LabOptions } from "./lab-options.ts";
import type { MethodMeasurement, MethodReport, ServiceResult } from "./lab-report.ts";
import type { LabLayout } from "./layout.ts";
import { repliesPassDirector, serverHosts } from "./layout.ts";
import { measureMixed } from "./mixed/measure.ts";
import type { RunningLab } from "./mixed-site.ts";
import { realSite } from "./mixed-site.ts";
import type { LabNetwork } from "./network.ts";
import { buildNetwork } from "./network.ts";
import { prepareServers } from "./prepare-servers.ts";
import { keptText } from "./report-text.ts";
import { startServers } from "./servers.ts";
import { measureTools } from "./tools/measure.ts";
import type { ToolServer } from "./tools/servers.ts";
import { startToolServers, waitForToolServers } from "./tools/servers.ts";
import { recordTrace } from "./trace/record.ts";
import { driveTraffic, startClient } from "./traffic.ts";

/** A run's report and, when it is left standing, how to use it. */
export interface RunOutcome {
  readonly report: MethodReport;
  readonly howToUse: string;
}

/** Runs one. Throws LabError; what it made is the caller's to take down, but what it started has ended then. */
export async function runOne(name: string, layout: LabLayout, options: LabOptions): Promise<RunOutcome> {
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
    await prepareServers(network, { command, folder, controlGroupOf, unwrap: options.unwrap });
    const isOfTools = layout.scenario === "tools";
    const tools = isOfTools ? startToolServers(network, folder, controlGroupOf) : [];
    const servers = isOfTools ? [] : startServers(network, folder, controlGroupOf);
    const client = startClient(network, folder);
    started.push(...tools.map((tool) => tool.process), ...servers, client);
    await waitForToolServers(network, tools, options.signal);
    await waitForPrograms([...servers, client], options.signal);
    const director = startDirector(network, { command, config: directorConfig(layout), folder });
    started.push(director.process);
    const readyAfterMs = await waitForDirector(director, options.signal);
    const measured = {
      readyAfterMs,
      ...(await measure(network, { client, servers, tools, director, command }, { ...options, runName })),
    };
    if (!options.keep) {
      const directorEnd = await stopDirector(network, director);
      return { report: judged(layout, { ...measured, directorEnd }), howToUse: "" };
    }
    await stopHostProcess(client);
    await leaveRunning(servers);
    for (const { child } of [director.process, ...tools.map((tool) => tool.process)]) child.unref();
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

/** All that runs in a lab. */
interface RunningPrograms extends RunningLab {
  readonly tools: readonly ToolServer[];
}

async function measure(
  network: LabNetwork,
  running: RunningPrograms,
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
    ...(layout.place === undefined ? {} : { place: layout.place }),
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
  running: RunningPrograms,
  options: LabOptions & { readonly runName: string },
): Promise<Pick<MethodMeasurement, "services" | "mixed" | "tools" | "trace">> {
  const { layout } = network;
  const { signal, captureFolder, runName } = options;
  if (layout.scenario === "mixed") {
    return { services: [], mixed: await measureMixed(layout, realSite(running, signal)) };
  }
  if (layout.scenario === "tools") {
    return { services: [], tools: await measureTools({ network, servers: running.tools, signal }) };
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
