// The end of an instance that no process runs: its programs go off their interfaces, its maps with all connections go.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Attachments } from "../kernel/attachments.ts";
import { probeInterfaceNames, removeProbeInterfaces } from "../probes/probe-interfaces.ts";
import { directoryOf, stateDirectoryOf, takeInstance } from "./instance.ts";

/** What there was of an instance. */
export interface TakenDown {
  /** Programs that were taken off, by the names of their pins. */
  readonly interfaces: readonly string[];
}

/**
 * Takes an instance down, with what it keeps below `stateDirectory`; undefined where there is nothing of it. Throws a
 * DirectorError (YM_INSTANCE_BUSY) while a director runs it.
 */
export function takeDown(name: string, stateDirectory: string): TakenDown | undefined {
  const directory = directoryOf(name);
  if (!existsSync(directory)) return undefined;
  using instance = takeInstance(name);
  const folder = join(instance.directory, "links");
  const interfaces = existsSync(folder) ? readdirSync(folder) : [];
  using attachments = new Attachments(instance.directory, () => undefined);
  attachments.detach();
  removeProbeInterfaces(probeInterfaceNames(name));
  rmSync(instance.directory, { recursive: true, force: true });
  const state = stateDirectoryOf(instance, stateDirectory);
  if (existsSync(state)) rmSync(state, { recursive: true, force: true });
  return { interfaces };
}
