// The end of an instance: its director is stopped where one runs, its programs go off their interfaces, its maps with
// all connections go.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../api/client.ts";
import { StateFile } from "../change/state-file.ts";
import { DirectorError } from "../errors.ts";
import { Attachments } from "../kernel/attachments.ts";
import { probeInterfaceNames, removeProbeInterfaces } from "../probes/probe-interfaces.ts";
import { directoryOf, type Instance, stateDirectoryOf, takeInstance } from "./instance.ts";
import { forgetCurrent } from "./pins.ts";

/** How long a director may take to end. */
const ENDING_MS = 30_000;
const LOOK_MS = 20;

/** What to take down, and where its director may be found. */
export interface TakeDownOptions {
  readonly instance: string;
  /** Of all instances. */
  readonly stateDirectory: string;
  /** Where a director that runs it is asked to end, besides where it says itself that it answers. */
  readonly socketPath: string;
}

/** What there was of an instance. */
export interface TakenDown {
  /** The process that ran it and was ended. */
  readonly stopped: { readonly pid: number; readonly socketPath: string } | undefined;
  /** Programs that were taken off, by the names of their pins. */
  readonly interfaces: readonly string[];
  /** Directories that were removed: of its pins, and of its state. */
  readonly removed: readonly string[];
}

/**
 * Takes an instance down, with what it keeps below `stateDirectory`; undefined where there is nothing of it. Throws a
 * DirectorError, YM_INSTANCE_BUSY, where a process runs it that does not answer or does not end.
 */
export async function takeDown(options: TakeDownOptions): Promise<TakenDown | undefined> {
  const directory = directoryOf(options.instance);
  if (!existsSync(directory)) return undefined;
  const { instance: held, stopped } = await hold(options, directory);
  using instance = held;
  const folder = join(instance.directory, "links");
  const interfaces = existsSync(folder) ? readdirSync(folder) : [];
  using attachments = new Attachments(instance.directory, () => undefined);
  attachments.detach();
  removeProbeInterfaces(probeInterfaceNames(options.instance));
  const state = stateDirectoryOf(instance, options.stateDirectory);
  const removed = [instance.directory, state].filter((path) => existsSync(path));
  // First what a successor would take over from: one that begins while this is cut short finds all of it, or nothing.
  forgetCurrent(instance.directory);
  for (const path of removed) rmSync(path, { recursive: true, force: true });
  return { stopped, interfaces, removed };
}

/** Takes the instance for itself, from its director where there is one. */
async function hold(
  options: TakeDownOptions,
  directory: string,
): Promise<{ readonly instance: Instance; readonly stopped: TakenDown["stopped"] }> {
  try {
    return { instance: takeInstance(options.instance), stopped: undefined };
  } catch (error) {
    if (!isBusy(error)) throw error;
  }
  const stopped = await stopDirector(options, directory);
  const until = performance.now() + ENDING_MS;
  for (;;) {
    try {
      return { instance: takeInstance(options.instance), stopped };
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
    }
    await sleep(LOOK_MS);
  }
}

/** Asks the director of the instance to end. */
async function stopDirector(options: TakeDownOptions, directory: string): Promise<TakenDown["stopped"]> {
  const state = new StateFile(stateDirectoryOf({ directory }, options.stateDirectory), () => undefined).read();
  const places = [...new Set([options.socketPath, ...(state?.socketPath === undefined ? [] : [state.socketPath])])];
  for (const socketPath of places) {
    const client = createClient(socketPath);
    try {
      // Another instance's director may answer there.
      if ((await client.status()).instance?.directory !== directory) continue;
      return { pid: await client.stop(), socketPath };
    } catch (error) {
      if (!(error instanceof DirectorError && error.code === "YM_API_UNREACHABLE")) throw error;
    }
  }
  const where = places.join(" or ");
  const message = `ending instance "${options.instance}": a process runs it that does not answer at ${where}`;
  throw new DirectorError("YM_INSTANCE_BUSY", message, {
    hint: "name its socket with --socket, or end the process",
  });
}

function isBusy(error: unknown): boolean {
  return error instanceof DirectorError && error.code === "YM_INSTANCE_BUSY";
}
