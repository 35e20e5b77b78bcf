// Runs the lab without a kernel: for each forwarding method and scenario the same layout, services, traffic and
// judgement as the real lab, the director's own programs in the interpreter, a network simulated frame by frame.
import { setImmediate as nextTurn } from "node:timers/promises";

import { directorConfig } from "../director-config.ts";
import { judge } from "../expectations.ts";
import { LabError, throwIfInterrupted } from "../lab-error.ts";
import type { ServiceResult } from "../lab-report.ts";
import type { LabChoice, LabLayout } from "../layout.ts";
import { repliesPassDirector } from "../layout.ts";
import { layoutOf } from "../layouts.ts";
import { measureMixed } from "../mixed/measure.ts";
import { SimulatedDirector } from "./director-host.ts";
import { EventQueue } from "./event-queue.ts";
import { simulatedSite } from "./mixed-site.ts";
import { SimulatedNetwork } from "./network.ts";
import { noteText, simulatedMethodText, simulatedSummaryText } from "./report-text.ts";
import { startPrograms } from "./start-programs.ts";
import type { SimulatedLabReport, SimulatedMethodReport } from "./simulated-report.ts";
import type { TraceReport } from "../trace/trace-report.ts";
import { traceOf } from "../trace/trace-report.ts";
import type { TrafficTarget } from "./traffic.ts";
import { startTraffic, UNUSED_LOCAL_PORT } from "./traffic.ts";
import type { Client } from "./visit.ts";

/** What to run; as the real lab's options, less what only a real network can do. */
export interface SimulatedLabOptions {
  /** Why it is simulated, as the begin of a sentence: `Not root`. */
  readonly reason: string;
  /** Those of them that can be simulated are run: at the one place where the interpreter stands. */
  readonly choices: readonly LabChoice[];
  readonly keep: boolean;
  readonly clients: number;
  readonly requests: number;
  readonly json: boolean;
  readonly write: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Events between two looks at whether the run is to be interrupted. */
const EVENTS_PER_TURN = 2_000;
/** What is under way when the last answer is in (FINs and their acknowledgments) has arrived after this time. */
const SETTLE_MS = 100;

/**
 * Runs the simulated lab and reports; `passed` tells whether every expectation was met. Throws LabError:
 * YM_LAB_OPTIONS when it is to be kept or has too many clients, YM_LAB_INTERRUPTED after `signal`.
 */
export async function runSimulatedLab(options: SimulatedLabOptions): Promise<SimulatedLabReport> {
  if (options.keep) {
    const what = "a simulated network ends with its process, so --keep has nothing to keep";
    throw new LabError("YM_LAB_OPTIONS", `running the lab: ${what}; leave it out, or run as root on Linux`);
  }
  if (!options.choices.some(canBeSimulated)) {
    const what = "the simulated network has native XDP on machines, and no programs but its own";
    throw new LabError("YM_LAB_OPTIONS", `running the lab: ${what}; ask for these, or run as root on Linux`);
  }
  const tell = options.json ? (): void => undefined : options.write;
  const note = noteText(options.reason);
  tell(`${note}\n`);
  const methods: SimulatedMethodReport[] = [];
  for (const choice of options.choices.filter(canBeSimulated)) {
    const report = await simulate(layoutOf(choice, options.clients), options);
    tell(simulatedMethodText(report));
    methods.push(report);
  }
  const passed = methods.every((method) => method.passed);
  const report: SimulatedLabReport = { simulated: true, note, name: "simulated", kept: false, methods, passed };
  options.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : simulatedSummaryText(report));
  return report;
}

function canBeSimulated({ hook, scenario, place }: LabChoice): boolean {
  return hook === "xdp" && scenario !== "tools" && place === undefined;
}

/** Simulates one layout and judges what it saw. Throws YM_LAB_INTERRUPTED after `signal`. */
export async function simulate(
  layout: LabLayout,
  options: Pick<SimulatedLabOptions, "requests" | "signal">,
): Promise<SimulatedMethodReport> {
  const queue = new EventQueue();
  const network = new SimulatedNetwork(layout, queue);
  const startedMs = performance.now();
  using director = new SimulatedDirector(network.host("director"), queue, directorConfig(layout));
  const readyAfterMs = Math.round(performance.now() - startedMs);
  const programs = startPrograms(network);
  const traffic =
    layout.scenario === "mixed"
      ? { services: [], mixed: await measureMixed(layout, simulatedSite(programs, director, options.signal)) }
      : await simulateShares(network, programs.client, options);
  const trafficMs = queue.nowMs;
  const settledMs = trafficMs + SETTLE_MS;
  await runUntil(queue, () => queue.nowMs >= settledMs, options.signal);
  director.reap();
  const measured = {
    method: layout.method,
    scenario: layout.scenario,
    family: layout.family,
    hook: layout.hook,
    ...(layout.encapsulation === undefined ? {} : { encapsulation: layout.encapsulation }),
    ...(layout.place === undefined ? {} : { place: layout.place }),
    description: layout.description,
    clients: layout.clientAddresses.length,
    readyAfterMs,
    ...traffic,
    frames: network.frames(),
    repliesPassDirector: repliesPassDirector(layout),
    directorInterfaces: layout.directorInterfaces,
    status: director.status(),
    programRuns: director.runs,
    instructions: director.instructions,
    simulatedMs: trafficMs,
  };
  const expectations = judge(layout, measured);
  return { ...measured, expectations, passed: expectations.every(({ met }) => met) };
}

/** The traffic of the scenario `shares`, none in `path`; then one connection that is followed hop by hop. */
async function simulateShares(
  network: SimulatedNetwork,
  client: Client,
  { requests, signal }: Parameters<typeof simulate>[1],
): Promise<{ readonly services: readonly ServiceResult[]; readonly trace?: TraceReport }> {
  const { services, clientAddresses, scenario } = network.layout;
  const run = async (target: TrafficTarget): Promise<ServiceResult> => {
    const traffic = startTraffic(client, target);
    await runUntil(client.queue, traffic.isDone, signal);
    return { service: target.service, requests: target.requests, traffic: traffic.report() };
  };
  const results: ServiceResult[] = [];
  for (const service of scenario === "path" ? [] : services) {
    results.push(await run({ service, clientAddresses, requests }));
  }
  const [service] = services;
  if (service === undefined) return { services: results };
  const sightings = network.capture();
  const first = { clientAddresses: clientAddresses.slice(0, 1), requests: 1, firstLocalPort: UNUSED_LOCAL_PORT };
  const { traffic } = await run({ service, ...first });
  const trace = traceOf(service, sightings, traffic.firstAnswer);
  return { services: results, ...(trace === undefined ? {} : { trace }) };
}

/** Lets events happen until `isDone`. The director's reaper goes on for ever, so there is always a next one. */
async function runUntil(queue: EventQueue, isDone: () => boolean, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    for (let event = 0; event < EVENTS_PER_TURN; event++) if (isDone() || !queue.step()) return;
    await nextTurn();
    throwIfInterrupted(signal);
  }
}
