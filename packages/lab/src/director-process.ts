// The real director as its own process on the lab's director host, started from a real file as people start it.
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import type { DirectorStatus } from "@yardmaster/director";
import { createClient } from "@yardmaster/director";

import type { HostProcess } from "./host-process.ts";
import { startHostProcess, stopHostProcess, waitForLog } from "./host-process.ts";
import { LabError } from "./lab-error.ts";
import type { LabNetwork } from "./network.ts";
import { interfacesWithXdp, namespaceOf } from "./network.ts";

const run = promisify(execFile);
const maximumOutputBytes = 16 << 20;
/** An emulated machine compiles some twenty times slower than others. */
const readyTimeoutMs = 120_000;
const settleTimeoutMs = 2_000;

/** How the `yardmaster` command is started; arguments are put behind. */
export type DirectorCommand = readonly [string, ...string[]];

/** The command of this source tree. */
export const defaultDirectorCommand: DirectorCommand = [
  process.execPath,
  fileURLToPath(new URL("../../cli/bin/yardmaster.js", import.meta.url)),
];

/** A director that was started. */
export interface RunningDirector {
  readonly process: HostProcess;
  readonly socketPath: string;
  readonly startedMs: number;
}

/** What to start. */
export interface DirectorOptions {
  readonly command: DirectorCommand;
  readonly config: string;
  readonly folder: string;
}

/** Writes the file and starts the director. It handles packets once `waitForDirector` has returned. */
export function startDirector(network: LabNetwork, options: DirectorOptions): RunningDirector {
  const { method } = network.layout;
  const configFile = join(options.folder, `yardmaster-${method}.yaml`);
  const socketPath = join(options.folder, `${method}.sock`);
  writeFileSync(configFile, options.config);
  const startedMs = performance.now();
  const process = startHostProcess({
    namespace: namespaceOf(network, "director"),
    name: `director-${method}`,
    command: [...options.command, "run", "-f", configFile, "--socket", socketPath, "--ephemeral"],
    logFolder: options.folder,
    channel: "none",
  });
  return { process, socketPath, startedMs };
}

/**
 * Waits until the director handles packets and returns how long that took from its start, in milliseconds.
 * Throws YM_LAB_PROGRAM_FAILED with the director's own words when it ends instead.
 */
export async function waitForDirector(director: RunningDirector, signal: AbortSignal | undefined): Promise<number> {
  await waitForLog(director.process, /\bready\b/, { timeoutMs: readyTimeoutMs, signal });
  return Math.round(performance.now() - director.startedMs);
}

/** What the director says of itself once the last packets are through: no TCP connection is active any more. */
export async function settledStatus(director: RunningDirector): Promise<DirectorStatus> {
  const client = createClient(director.socketPath);
  const deadline = Date.now() + settleTimeoutMs;
  while (true) {
    const status = await client.status();
    if (status.services.every((service) => service.activeConnections === 0) || Date.now() > deadline) return status;
    await sleep(50);
  }
}

/** What `yardmaster status --json` prints of the director, as people and programs ask for it. */
export async function printedStatus(director: RunningDirector, command: DirectorCommand): Promise<DirectorStatus> {
  const [program, ...first] = command;
  const args = [...first, "status", "--json", "--socket", director.socketPath];
  try {
    const { stdout } = await run(program, args, { maxBuffer: maximumOutputBytes });
    return JSON.parse(stdout) as DirectorStatus;
  } catch (cause) {
    const message = `running "yardmaster status --json" in the lab: ${(cause as Error).message}`;
    throw new LabError("YM_LAB_PROGRAM_FAILED", message, { cause });
  }
}

/** How a director ended and what it left. */
export interface DirectorEnd {
  /** In words: `exit status 0`. */
  readonly how: string;
  readonly interfacesWithXdp: readonly string[];
}

/** Stops the director with SIGTERM and looks what it left attached. */
export async function stopDirector(network: LabNetwork, director: RunningDirector): Promise<DirectorEnd> {
  const how = await stopHostProcess(director.process);
  return { how, interfacesWithXdp: await interfacesWithXdp(network, "director") };
}
