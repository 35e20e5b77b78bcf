// `yardmaster run`: a director, the socket that answers about it, and an orderly end.

import { withRouteSocket } from "@yardmaster/linux";
import { startApiServer } from "./api/server.ts";
import { beginWith } from "./change/beginning.ts";
import { Keeper } from "./change/keeper.ts";
import { StateFile } from "./change/state-file.ts";
import { createLinuxNetwork } from "./checks/linux-network.ts";
import { parseConfiguration } from "./config/parse-configuration.ts";
import { Director } from "./director.ts";
import { VerdictFile } from "./health/verdict-file.ts";
import { DirectorError } from "./errors.ts";
import type { RunDirector, RunDirectorOptions } from "./run-options.ts";
import { defaultInstance, stateDirectoryOf, takeInstance } from "./succession/instance.ts";

/** What runs, as soon as it does. */
interface Running {
  readonly director: Director;
  readonly keeper: Keeper;
}

/** Runs a director until `signal` is aborted; see RunDirector. */
export const runDirector: RunDirector = async (options) => {
  const { socketPath, signal, report } = options;
  using instance = options.instance === undefined ? undefined : takeInstance(options.instance);
  const up: { running?: Running } = {};
  const late = (): Running => up.running ?? fail("the director is not up yet");
  // Before anything is attached: a socket that cannot be had must not leave programs at work.
  await using api = await startApiServer({
    socketPath,
    source: {
      status: () => late().director.status(),
      connections: (limit) => late().director.connections(limit),
      checks: () => late().director.checks(),
    },
    keeper: () => late().keeper,
  });
  const { stateDirectory } = options;
  const hasState = instance !== undefined && stateDirectory !== undefined;
  const directory = hasState ? stateDirectoryOf(instance, stateDirectory) : undefined;
  const file = directory === undefined ? undefined : new StateFile(directory, report);
  const verdicts = directory === undefined ? undefined : new VerdictFile(directory, report);
  const kept = new KeptFile(options, file, up);
  const parse = (text: string) =>
    withRouteSocket(() => parseConfiguration(text, options.fileName, { network: createLinuxNetwork() }));
  const begun = beginWith(options, file?.read(), { parse, report, nowMs: Date.now() });
  const { configuration, text, before, leaving } = begun;
  const onChange = () => kept.changed();
  const state = { before, leaving, onLeaving: onChange, verdicts };
  using director = new Director({ ...options, configuration, instance, ...state });
  using keeper = new Keeper({ director, text, parse, report, onChange });
  up.running = { director, keeper };
  if (begun.pending !== undefined) keeper.await(begun.pending);
  kept.write();
  using _reloading = listen(options, kept, keeper);
  const stop = new AbortController();
  const services = configuration.services.length;
  report(`ready: ${services} ${services === 1 ? "service" : "services"}, answering on ${api.socketPath}`);
  const work = director.work(AbortSignal.any([signal, stop.signal]));
  try {
    await Promise.race([work, aborted(signal)]);
  } finally {
    stop.abort();
    await work;
  }
  kept.write();
  report(
    instance === undefined
      ? "stopped: detached from all interfaces"
      : `stopped: packets are forwarded without it; "yardmaster down${named(instance.name)}" ends that`,
  );
};

/** Writes down for the next director what this one does. */
class KeptFile {
  /** The content of the configuration file when it was read last. */
  text: string;
  readonly #file: StateFile | undefined;
  readonly #up: { readonly running?: Running };
  #isDue = false;

  constructor({ text }: RunDirectorOptions, file: StateFile | undefined, up: { readonly running?: Running }) {
    this.text = text;
    this.#file = file;
    this.#up = up;
  }

  /** Something is to be written, soon. */
  changed(): void {
    if (this.#isDue || this.#file === undefined) return;
    this.#isDue = true;
    setImmediate(() => this.write());
  }

  write(): void {
    this.#isDue = false;
    const { running } = this.#up;
    if (running === undefined || this.#file === undefined) return;
    const { keeper, director } = running;
    const { pending } = keeper;
    this.#file.write({
      ...{ running: keeper.parts, file: this.text, leaving: director.leaving(), savedAtMs: Date.now() },
      ...(pending !== undefined && { pending }),
    });
  }
}

/** Has the file read again whenever that is asked for. */
function listen({ reload, report }: RunDirectorOptions, kept: KeptFile, keeper: Keeper): Disposable {
  if (reload === undefined) return { [Symbol.dispose]: () => undefined };
  const read = async (cause: string): Promise<void> => {
    try {
      const text = await reload.read();
      keeper.put(text, { cause });
      kept.text = text;
      kept.changed();
    } catch (error) {
      report(`configuration: ${cause}: refused, nothing has changed: ${(error as Error).message}`);
    }
  };
  const end = reload.listen((cause) => void read(cause));
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
