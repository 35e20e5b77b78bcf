// The director of a soak: an instance that outlives its process, killed and started again, and told what to run by its
// file, its API and a signal.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type DirectorClient, type DirectorStatus } from "@yardmaster/director";

import type { DirectorCommand } from "../director-process.ts";
import { type HostProcess, isRunning, startHostProcess } from "../host-process.ts";
import { LabError } from "../lab-error.ts";
import type { LabNetwork } from "../network.ts";
import { namespaceOf } from "../network.ts";
import { soakInstance, soakState } from "./instance.ts";
import { LogFollower } from "./log-follower.ts";

/** On a machine that does much else. */
const readyTimeoutMs = 120_000;
const reloadTimeoutMs = 120_000;
const pollMs = 20;

/** What a change did to the program. */
export type ProgramFate = "kept" | "exchanged";

/** Where and with what it runs. */
export interface SoakDirectorOptions {
  readonly command: DirectorCommand;
  readonly folder: string;
  /** Called with each line of its log, soon after it was written. */
  readonly onLine: (line: string) => void;
}

/** The director. */
export class SoakDirector implements Disposable {
  readonly #network: LabNetwork;
  readonly #options: SoakDirectorOptions;
  readonly #file: string;
  readonly client: DirectorClient;
  readonly #socketPath: string;
  #process: HostProcess | undefined;
  #follower: LogFollower | undefined;
  #waiting: { readonly pattern: RegExp; readonly found: (line: string) => void } | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(network: LabNetwork, options: SoakDirectorOptions) {
    this.#network = network;
    this.#options = options;
    this.#file = join(options.folder, "yardmaster.yaml");
    this.#socketPath = join(options.folder, "soak.sock");
    this.client = createClient(this.#socketPath, { timeoutMs: reloadTimeoutMs });
    this.#timer = setInterval(() => this.#readLog(), pollMs);
  }

  /** The process at work, for the end of the lab. */
  get process(): HostProcess | undefined {
    return this.#process;
  }

  /** What the next director, and a SIGHUP, read. */
  write(text: string): void {
    writeFileSync(this.#file, text);
  }

  /** Starts it and waits until it is ready; what it said of the one before it, if it said something. */
  async start(): Promise<string | undefined> {
    let taken: string | undefined;
    const seen = (line: string): void => {
      if (line.startsWith("taken over from ")) taken = line;
    };
    const state = ["--instance", soakInstance, "--state-directory", join(this.#options.folder, soakState)];
    this.#process = startHostProcess({
      namespace: namespaceOf(this.#network, "director"),
      name: "director",
      command: [...this.#options.command, "run", "-f", this.#file, "--socket", this.#socketPath, ...state],
      logFolder: this.#options.folder,
      channel: "none",
      mounts: "machine",
    });
    this.#follower ??= new LogFollower(this.#process.logFile);
    await this.#line(/^ready: /, readyTimeoutMs, seen);
    return taken;
  }

  /** Ends the process and waits for that. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.#process?.child.kill(signal);
    await this.#process?.ended;
  }

  /** Has it read its file again; the line that says what came of it. */
  async reload(text: string): Promise<{ readonly line: string; readonly fate: ProgramFate }> {
    this.write(text);
    this.#process?.child.kill("SIGHUP");
    const line = await this.#line(/^configuration: SIGHUP: /, reloadTimeoutMs);
    const [, fate] = /; program (kept|exchanged)/.exec(line) ?? [];
    if (fate === undefined) throw new LabError("YM_LAB_PROGRAM_FAILED", `reloading the director: ${line}`);
    return { line, fate: fate as ProgramFate };
  }

  /** Its status, as soon as there is a director to tell it. */
  async status(): Promise<DirectorStatus> {
    for (const deadline = Date.now() + readyTimeoutMs; ; await sleep(pollMs)) {
      try {
        return await this.client.status();
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#follower?.[Symbol.dispose]();
  }

  /** The next line of the log that is like this. */
  async #line(pattern: RegExp, timeoutMs: number, onEach?: (line: string) => void): Promise<string> {
    let found: string | undefined;
    this.#waiting = {
      pattern,
      found: (line) => {
        onEach?.(line);
        if (pattern.test(line)) found ??= line;
      },
    };
    const deadline = Date.now() + timeoutMs;
    try {
      while (found === undefined) {
        const running = this.#process;
        const wasRunning = running !== undefined && isRunning(running);
        this.#readLog();
        if (found !== undefined) break;
        if (!wasRunning) throw this.#failed(`it ended (${(await running?.ended) ?? "it was never started"})`);
        if (Date.now() > deadline) throw this.#failed(`nothing like ${pattern} within ${timeoutMs} ms`);
        await sleep(pollMs);
      }
      return found;
    } finally {
      this.#waiting = undefined;
    }
  }

  #readLog(): void {
    for (const line of this.#follower?.read() ?? []) {
      this.#waiting?.found(line);
      this.#options.onLine(line);
    }
  }

  #failed(what: string): LabError {
    const log = this.#process?.logFile ?? "";
    return new LabError("YM_LAB_PROGRAM_FAILED", `running the director of the soak: ${what}; its log: ${log}`);
  }
}
