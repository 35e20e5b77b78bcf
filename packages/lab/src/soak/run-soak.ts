// `yardmaster lab soak`: a director under load for a long time while it is reloaded, killed, exchanged, and its servers
// die. Every failed request is counted, by its cause and by what was going on.
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "@yardmaster/packet";

import { createLabFolder, labFolder, removeLeftovers, takeDown } from "../cleanup.ts";
import { defaultDirectorCommand } from "../director-process.ts";
import {
  type HostProcess,
  programCommand,
  startHostProcess,
  stopHostProcess,
  waitForPrograms,
} from "../host-process.ts";
import { LabError, throwIfInterrupted } from "../lab-error.ts";
import { buildNetwork, type LabNetwork, namespaceOf } from "../network.ts";
import { assertPermitted } from "../permitted.ts";
import { prepareServers } from "../prepare-servers.ts";
import { startServers } from "../servers.ts";
import { Disturber } from "./disturber.ts";
import { isExpected, judgeSoak } from "./judge-soak.ts";
import type { FailedRequest, LoadCount, LoadJob, LoadMessage } from "./load.ts";
import { Outages } from "./outages.ts";
import { Schedule } from "./schedule.ts";
import { SoakDirector } from "./soak-director.ts";
import { type SoakLayout, soakLayout } from "./soak-layout.ts";
import type { SoakOptions } from "./soak-options.ts";
import { type Disturbance, type DisturbanceKind, disturbanceKinds, type SoakReport } from "./soak-report.ts";
import { progressText, soakText } from "./soak-text.ts";
import { firstWanted, wantedText } from "./wanted.ts";

const keptConnections = 4;
const progressEveryMs = 60_000;
const longestPauseMs = 200;
/** Before the first disturbance, and after the last. */
const quietMs = 2_000;

/**
 * Soaks a director and reports; `passed` tells whether nothing failed that need not have. Throws LabError when the lab
 * itself could not run. Either way nothing is left behind.
 */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  assertPermitted();
  await removeLeftovers();
  const name = createLabFolder();
  const started: HostProcess[] = [];
  try {
    throwIfInterrupted(options.signal);
    const report = await soak(name, options, started);
    const { logFolder } = options;
    if (logFolder !== undefined) keepReport(logFolder, report);
    options.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : soakText(report));
    return report;
  } finally {
    await Promise.all(started.map(stopHostProcess));
    await takeDown(name);
  }
}

/** What is written while it runs, but for sockets. */
function keepLogs(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) if (/\.(log|yaml)$/.test(name)) copyFileSync(join(from, name), join(to, name));
}

function keepReport(folder: string, report: SoakReport): void {
  writeFileSync(join(folder, "report.json"), `${JSON.stringify(report, undefined, 2)}\n`);
}

async function soak(name: string, options: SoakOptions, started: HostProcess[]): Promise<SoakReport> {
  const layout = soakLayout();
  const folder = `${labFolder(name)}/soak`;
  mkdirSync(folder);
  const network = await buildNetwork(layout, `${name}-soak`);
  const command = options.directorCommand ?? defaultDirectorCommand;
  await prepareServers(network, { command, folder, controlGroupOf: () => undefined, unwrap: undefined });
  const servers = startServers(network, folder, () => undefined);
  const client = startSoaker(network, folder);
  started.push(...servers, client);
  await waitForPrograms([...servers, client], options.signal);
  const run = new SoakRun({ network, layout, folder, command, servers, client }, options);
  try {
    return await run.run();
  } finally {
    started.push(...run.processes);
    run[Symbol.dispose]();
    if (options.logFolder !== undefined) keepLogs(folder, options.logFolder);
  }
}

function startSoaker(network: LabNetwork, logFolder: string): HostProcess {
  const namespace = namespaceOf(network, "client");
  return startHostProcess({
    namespace,
    name: "client",
    command: programCommand("soaker"),
    logFolder,
    channel: "messages",
  });
}

/** What a soak runs on. */
interface SoakSite {
  readonly network: LabNetwork;
  readonly layout: SoakLayout;
  readonly folder: string;
  readonly command: readonly [string, ...string[]];
  readonly servers: readonly HostProcess[];
  readonly client: HostProcess;
}

/** One soak, once all but the director stands. */
class SoakRun implements Disposable {
  readonly #site: SoakSite;
  readonly #options: SoakOptions;
  readonly #director: SoakDirector;
  readonly #outages: Outages;
  readonly #disturber: Disturber;
  readonly #schedule: Schedule;
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #failed: FailedRequest[] = [];
  readonly #disturbances: Disturbance[] = [];
  readonly #anomalies: string[] = [];
  readonly #startedMs = Date.now();
  #count: LoadCount = { connections: 0, requests: 0, answered: 0, answeredBy: {}, longestMs: 0 };
  /** A server that is dead, and what ends that. */
  #outage: { readonly done: Promise<void> } | undefined;
  #lastOutageMs = Date.now();

  constructor(site: SoakSite, options: SoakOptions) {
    this.#site = site;
    this.#options = options;
    const random = seededRandom(options.seed);
    this.#random = random;
    const anomaly = (what: string): void => this.#anomaly(what);
    const { network, folder, command, servers, layout } = site;
    this.#director = new SoakDirector(network, { command, folder, onLine: (line) => this.#hear(line) });
    this.#disturber = new Disturber(firstWanted(layout), {
      director: this.#director,
      draw: () => ({ random, dead: this.#outage === undefined ? undefined : this.#outages.all.at(-1)?.server }),
      anomaly,
    });
    this.#outages = new Outages(servers, {
      ...{ network, folder, anomaly },
      // Of its own: outages go on beside the rest, and whatever they draw, the rest stays as the seed has it.
      random: seededRandom(options.seed + 1),
      wanted: () => this.#disturber.wanted,
      status: () => this.#director.status(),
    });
    this.#schedule = new Schedule(random, "minutes" in options.until ? undefined : options.until);
  }

  /** All processes that it started. */
  get processes(): readonly HostProcess[] {
    const { process } = this.#director;
    return [...this.#outages.processes, ...(process === undefined ? [] : [process])];
  }

  async run(): Promise<SoakReport> {
    const { client } = this.#site;
    this.#director.write(wantedText(this.#disturber.wanted));
    await this.#director.start();
    client.child.on("message", (message: LoadMessage) => this.#told(message));
    client.child.send(this.#job());
    const { seed, rate } = this.#options;
    this.#options.note(
      `soaking with seed ${seed}: ${rate} requests a second to ${this.#job().targets.length} services\n`,
    );
    const progress = setInterval(() => this.#options.note(`${this.#progress()}\n`), progressEveryMs);
    try {
      await sleep(quietMs);
      await this.#disturb();
      await this.#outage?.done;
      await sleep(quietMs);
      await this.#endLoad();
    } finally {
      clearInterval(progress);
    }
    return judgeSoak({
      seed: this.#options.seed,
      ...{ startedMs: this.#startedMs, endedMs: Date.now(), interrupted: this.#isInterrupted },
      ...{ load: this.#count, failed: this.#failed, disturbances: this.#disturbances },
      ...{ outages: this.#outages.all, anomalies: this.#anomalies },
    });
  }

  [Symbol.dispose](): void {
    this.#director[Symbol.dispose]();
  }

  get #isInterrupted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  get #isOver(): boolean {
    const { until } = this.#options;
    if (this.#isInterrupted) return true;
    return "minutes" in until ? Date.now() - this.#startedMs >= until.minutes * 60_000 : this.#schedule.isOver;
  }

  #job(): LoadJob {
    const { rate } = this.#options;
    const targets = this.#site.layout.services.map(({ name, address, port, clientAddresses }) => ({
      ...{ service: name, address, port, clientAddresses },
    }));
    return { targets, kept: keptConnections, keptRate: rate / 2, shortRate: rate / 2 };
  }

  /** One thing after the other, until all is done or time is up. */
  async #disturb(): Promise<void> {
    while (!this.#isOver) {
      this.#beginOutage();
      const fromMs = Date.now();
      const done = await this.#disturber.do(this.#schedule.next(this.#outages.isWaiting ? "reloads" : "everything"));
      this.#disturbances.push({ ...done, fromMs, untilMs: Date.now() });
      this.#schedule.done(done.kind);
      await sleep(this.#random.below(longestPauseMs));
    }
  }

  #beginOutage(): void {
    if (this.#outage !== undefined || Date.now() - this.#lastOutageMs < this.#options.outageEveryMs) return;
    const fromMs = Date.now();
    const signal = this.#options.signal ?? new AbortController().signal;
    const done = this.#outages
      .one(signal)
      .then(({ server, death }) => {
        this.#disturbances.push({ kind: "outage", detail: `${server} ${death}`, fromMs, untilMs: Date.now() });
      })
      .catch((error: unknown) => this.#anomaly(`outage: ${String(error)}`))
      .finally(() => {
        this.#outage = undefined;
        this.#lastOutageMs = Date.now();
      });
    this.#outage = { done };
  }

  #told(message: LoadMessage): void {
    if (message.kind === "failed") this.#failed.push(message.request);
    else this.#count = message.count;
  }

  async #endLoad(): Promise<void> {
    const { child, ended } = this.#site.client;
    const done = new Promise<void>((resolve) => {
      child.on("message", (message: LoadMessage) => {
        if (message.kind === "done") resolve();
      });
    });
    child.send("end");
    const end = ended.then((how) => {
      throw new LabError("YM_LAB_PROGRAM_FAILED", `making requests: the program ended (${how})`);
    });
    await Promise.race([done, end]);
  }

  #hear(line: string): void {
    this.#outages.hear(line);
    if (/refused, nothing has changed|failed, nothing has changed|^changing services: /.test(line)) this.#anomaly(line);
  }

  #anomaly(what: string): void {
    this.#anomalies.push(`${new Date().toISOString()} ${what}`);
    this.#options.note(`NOT AS IT MUST BE: ${what}\n`);
  }

  #progress(): string {
    const expected = this.#failed.filter((request) => isExpected(request, this.#outages.all)).length;
    const times = disturbanceKinds.map((kind): [DisturbanceKind, number] => [
      kind,
      this.#disturbances.filter((each) => each.kind === kind).length,
    ]);
    return progressText({
      seconds: (Date.now() - this.#startedMs) / 1000,
      load: this.#count,
      expected,
      unexpected: this.#failed.length - expected,
      anomalies: this.#anomalies.length,
      times: Object.fromEntries(times) as Record<DisturbanceKind, number>,
    });
  }
}
