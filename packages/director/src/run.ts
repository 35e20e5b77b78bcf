// `yardmaster run`: a director, the socket that answers about it, and an orderly end.

import { resolve } from "node:path";
import { withRouteSocket } from "@yardmaster/linux";
import { Events } from "./api/events.ts";
import { type ApiServer, startApiServer } from "./api/server.ts";
import type { SnapshotSource } from "./api/snapshot-source.ts";
import type { DirectorStatus } from "./api/types.ts";
import { beginWith } from "./change/beginning.ts";
import { isEmpty } from "./change/diff.ts";
import { Keeper } from "./change/keeper.ts";
import { StateFile } from "./change/state-file.ts";
import { createLinuxNetwork } from "./checks/linux-network.ts";
import { parseConfiguration } from "./config/parse-configuration.ts";
import { Director } from "./director.ts";
import { expectWork, giveBackMemory } from "./engine.ts";
import { VerdictFile } from "./health/verdict-file.ts";
import { DirectorError } from "./errors.ts";
import type { Report } from "./log/report.ts";
import type { RunDirector, RunDirectorOptions } from "./run-options.ts";
import { ZeroMarks } from "./status/zero-marks.ts";
import { ServiceManager } from "./service-manager.ts";
import { defaultInstance, stateDirectoryOf, takeInstance } from "./succession/instance.ts";

/** What runs, as soon as it does. */
interface Running {
  readonly director: Director;
  readonly keeper: Keeper;
  readonly zeroMarks: ZeroMarks;
}

/** Runs a director until `signal` is aborted; see RunDirector. */
export const runDirector: RunDirector = async (options) => {
  const { socketPath, signal } = options;
  using instance = options.instance === undefined ? undefined : takeInstance(options.instance);
  const up: { running?: Running } = {};
  const late = (): Running => up.running ?? fail("the director is not up yet");
  const events = new Events(() => late().director.trafficInTurns());
  const report: Report = (line, facts) => {
    options.report(line, facts);
    events.publish(line, facts);
  };
  using manager = new ServiceManager();
  const stop = new AbortController();
  // Before anything is attached: a socket that cannot be had must not leave programs at work.
  await using api = await startApiServer({
    socketPath,
    source: sourceOf(late),
    keeper: () => late().keeper,
    stored: () => kept.stored(),
    zero: (service) => {
      zero(late(), service);
      kept.changed();
    },
    events,
    stop: (cause) => {
      report(`stopping: ${cause}`, { level: "notice", cause });
      // The answer goes out first.
      setImmediate(() => stop.abort());
    },
    ...options.api,
    report,
  });
  const { stateDirectory } = options;
  const hasState = instance !== undefined && stateDirectory !== undefined;
  const directory = hasState ? stateDirectoryOf(instance, stateDirectory) : undefined;
  const file = directory === undefined ? undefined : new StateFile(directory, report);
  const verdicts = directory === undefined ? undefined : new VerdictFile(directory, report);
  const kept = new KeptFile(options, file, up);
  const parse = (text: string) => {
    if (expectWork(text.split("\n").length)) giveBackMemory();
    return withRouteSocket(() => parseConfiguration(text, options.fileName, { network: createLinuxNetwork() }));
  };
  const former = file?.read();
  const begun = beginWith(options, former, { parse, report, nowMs: Date.now() });
  const { configuration, text, before, leaving } = begun;
  const onChange = () => kept.changed();
  const state = { before, leaving, onLeaving: onChange, verdicts };
  using director = new Director({ ...options, report, configuration, instance, ...state });
  using keeper = new Keeper({ director, text, parse, report, onChange });
  up.running = { director, keeper, zeroMarks: new ZeroMarks(former?.zeroed) };
  if (begun.pending !== undefined) keeper.await(begun.pending);
  await kept.write();
  using _reloading = listen({ ...options, report, api, manager }, kept, keeper);
  const where = `answering on ${api.socketPath}${api.url === undefined ? "" : ` and ${api.url}`}`;
  const services = configuration.services.length === 1 ? "1 service" : `${configuration.services.length} services`;
  report(`ready: ${services}, ${where}`, { event: "ready", level: "notice", revision: keeper.revision });
  manager.ready(where);
  const ending = AbortSignal.any([signal, stop.signal]);
  const work = director.work(ending);
  try {
    await Promise.race([work, aborted(ending)]);
  } finally {
    manager.stopping();
    stop.abort();
    await work;
  }
  await kept.write();
  report(`stopped: ${afterwards(instance)}`, { event: "stopped", level: "notice" });
};

/** What the API shows. */
function sourceOf(running: () => Running): SnapshotSource {
  return {
    status: () => statusOf(running()),
    connections: (limit) => running().director.eachConnection(limit),
    checks: () => running().director.checks(),
    health: () => running().director.health(),
  };
}

function zero({ director, zeroMarks }: Running, service: string | undefined): void {
  zeroMarks.zero(director.traffic().services, service);
}

/** What becomes of packets when the process has ended. */
function afterwards(instance: { readonly name: string } | undefined): string {
  if (instance === undefined) return "detached from all interfaces";
  return `packets are forwarded without it; "yardmaster down${named(instance.name)}" ends that`;
}

async function statusOf({ director, keeper, zeroMarks }: Running): Promise<DirectorStatus> {
  const status = await director.statusInTurns();
  const { lastChange, pending } = keeper;
  return {
    ...status,
    services: zeroMarks.annotate(status.services),
    ...(lastChange !== undefined && { lastChange }),
    ...(pending !== undefined && { unconfirmed: { untilMs: pending.untilMs } }),
  };
}

/** Writes down for the next director what this one does. */
class KeptFile {
  /** The content of the configuration file when it was read last. */
  text: string;
  readonly #socketPath: string;
  readonly #file: StateFile | undefined;
  readonly #up: { readonly running?: Running };
  #isDue = false;
  #written: Promise<void> = Promise.resolve();

  constructor(
    { text, socketPath }: RunDirectorOptions,
    file: StateFile | undefined,
    up: { readonly running?: Running },
  ) {
    this.text = text;
    this.#socketPath = resolve(socketPath);
    this.#file = file;
    this.#up = up;
  }

  /** Something is to be written, soon. */
  changed(): void {
    if (this.#isDue || this.#file === undefined) return;
    this.#isDue = true;
    setImmediate(() => void this.stored());
  }

  /** Kept when every change until now is on the disk, or it was reported why not. */
  stored(): Promise<void> {
    return this.#isDue ? this.write() : this.#written;
  }

  /** Kept when what is known now is on the disk, or it was reported why not. */
  write(): Promise<void> {
    this.#isDue = false;
    this.#written = this.#write();
    return this.#written;
  }

  async #write(): Promise<void> {
    const { running } = this.#up;
    if (running === undefined || this.#file === undefined) return;
    const { keeper, director, zeroMarks } = running;
    const { pending } = keeper;
    await this.#file.write({
      ...{ running: keeper.parts, file: this.text, leaving: director.leaving(), savedAtMs: Date.now() },
      socketPath: this.#socketPath,
      ...(pending !== undefined && { pending }),
      zeroed: zeroMarks.kept,
    });
  }
}

/** Who has a say in, or hears of, a file that is read again. */
interface Rereading extends Pick<RunDirectorOptions, "reload" | "report"> {
  readonly api: ApiServer;
  readonly manager: ServiceManager;
}

/** Has the file read again whenever that is asked for. */
function listen({ reload, report, api, manager }: Rereading, kept: KeptFile, keeper: Keeper): Disposable {
  if (reload === undefined) return { [Symbol.dispose]: () => undefined };
  const read = async (cause: string): Promise<void> => {
    api.reread(cause);
    try {
      const text = await reload.read();
      const { diff } = keeper.put(text, { cause });
      if (isEmpty(diff)) report(`configuration: ${cause}: nothing changes`, { cause });
      kept.text = text;
      kept.changed();
    } catch (error) {
      if (keeper.hasReported(error)) return;
      const reason = (error as Error).message;
      report(`configuration: ${cause}: refused, nothing has changed: ${reason}`, {
        ...{ event: "configurationRefused", level: "error", cause, reason },
      });
    }
  };
  const end = reload.listen((cause) => void manager.reloading(() => read(cause)));
  return { [Symbol.dispose]: end };
}

function fail(message: string): never {
  throw new DirectorError("YM_API_NOT_READY", message);
}

function named(instance: string): string {
  return instance === defaultInstance ? "" : ` --instance ${instance}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
