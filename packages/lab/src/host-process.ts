// A process on one of the lab's hosts: started in the host's namespace, its words kept in a log file,
// ended by pid. Real servers, the traffic program and the director are started here.
import type { ChildProcess, Serializable } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { withNetworkNamespace } from "@yardmaster/linux";

import { LabError, throwIfInterrupted } from "./lab-error.ts";

const pollIntervalMs = 20;
const programReadyTimeoutMs = 120_000;
const stopTimeoutMs = 10_000;

/** Where and what to start. */
export interface HostProcessOptions {
  readonly namespace: string;
  /** Names the log file and is how errors call the process. */
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly logFolder: string;
  /** With a channel, messages go both ways (`process.send`), and the program sees when we are gone. */
  readonly channel: "none" | "messages";
  /** The path of a control group of version 2 to run in; that of the lab's own process unless given. */
  readonly controlGroup?: string | undefined;
  /**
   * `machine`: it sees the pins of this machine; `ip netns exec` gives each command a /sys of its own, without them.
   */
  readonly mounts?: "machine";
}

/** A started process. */
export interface HostProcess {
  readonly name: string;
  readonly child: ChildProcess;
  readonly logFile: string;
  /** Settles when the process has ended: how it ended, in words. */
  readonly ended: Promise<string>;
}

/** The command that runs one of the lab's own programs (a file in programs/, named without its ending). */
export function programCommand(file: string, ...args: readonly string[]): readonly [string, ...string[]] {
  // As this file is called itself: .ts, and .js in the package that people install.
  const ending = extname(import.meta.filename);
  return [process.execPath, join(import.meta.dirname, "programs", `${file}${ending}`), ...args];
}

/**
 * Starts a process in a namespace, in a session of its own, so that a Ctrl-C at the terminal reaches only the lab,
 * which then ends its processes in order. `ip netns exec` becomes the program itself: the pid is the program's.
 */
export function startHostProcess(options: HostProcessOptions): HostProcess {
  const logFile = join(options.logFolder, `${options.name}.log`);
  const log = openSync(logFile, "a");
  const isInside = options.mounts === "machine";
  const inside = isInside ? options.command : ["ip", "netns", "exec", options.namespace, ...options.command];
  // A process moves itself before it becomes the program: sockets belong to the group in which they are made.
  const moved = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', options.controlGroup ?? "", ...inside];
  const [program = "", ...args] = options.controlGroup === undefined ? inside : moved;
  const start = (): ChildProcess =>
    spawn(program, args, {
      detached: true,
      stdio: options.channel === "messages" ? ["ignore", log, log, "ipc"] : ["ignore", log, log],
    });
  const child = isInside ? withNetworkNamespace(options.namespace, start) : start();
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal === null ? `exit status ${code}` : `signal ${signal}`));
  });
  return { name: options.name, child, logFile, ended };
}

/** What the process has printed so far. */
export function readLog(running: HostProcess): string {
  return readFileSync(running.logFile, "utf8");
}

/** Whether the process still runs. */
export function isRunning({ child }: HostProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Waits until the log says so. Throws YM_LAB_PROGRAM_FAILED with the log when the process ends or time is up. */
export async function waitForLog(
  running: HostProcess,
  pattern: RegExp,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  while (true) {
    // Asked before the log is read: what the process said before it ended counts.
    const wasRunning = isRunning(running);
    if (pattern.test(readLog(running))) return;
    if (!wasRunning) throw failed(running, `it ended (${await running.ended})`);
    if (Date.now() > deadline) throw failed(running, `nothing like ${pattern} within ${options.timeoutMs} ms`);
    await sleep(pollIntervalMs);
    throwIfInterrupted(options.signal);
  }
}

/** Waits until all of these programs of the lab do their work. */
export async function waitForPrograms(
  programs: readonly HostProcess[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const timeoutMs = programReadyTimeoutMs;
  await Promise.all(programs.map((program) => waitForLog(program, /^ready$/m, { timeoutMs, signal })));
}

/** Lets programs of the lab go on after the lab's own process has ended. */
export async function leaveRunning(programs: readonly HostProcess[]): Promise<void> {
  for (const program of programs) {
    await ask(program, "stay");
    program.child.disconnect();
    program.child.unref();
  }
}

/** Sends a message and waits for the answer. Throws YM_LAB_PROGRAM_FAILED with the log when the process ends first. */
export async function ask(running: HostProcess, message: Serializable): Promise<unknown> {
  running.child.send(message);
  const stopWaiting = new AbortController();
  try {
    const answer = once(running.child, "message", { signal: stopWaiting.signal }).then(([value]: unknown[]) => value);
    const end = running.ended.then((how) => Promise.reject(failed(running, `it ended before it answered (${how})`)));
    return await Promise.race([answer, end]);
  } finally {
    stopWaiting.abort();
  }
}

/** Ends the process with SIGTERM, with SIGKILL when it does not obey in time; says how it ended. */
export async function stopHostProcess(running: HostProcess): Promise<string> {
  if (isRunning(running)) {
    running.child.kill("SIGTERM");
    const timer = setTimeout(() => running.child.kill("SIGKILL"), stopTimeoutMs);
    await running.ended;
    clearTimeout(timer);
  }
  return running.ended;
}

function failed(running: HostProcess, what: string): LabError {
  const log = readLog(running).trim();
  const said = log === "" ? "it printed nothing" : `it printed:\n${log}`;
  return new LabError("YM_LAB_PROGRAM_FAILED", `running "${running.name}" in the lab: ${what}; ${said}`);
}
