// Prepares the real servers of a lab as people do: by `yardmaster realserver up` on each, and puts them back by `down`.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { withNetworkNamespace } from "@yardmaster/linux";

import type { DirectorCommand } from "./director-process.ts";
import { LabError } from "./lab-error.ts";
import type { LabOptions } from "./lab-options.ts";
import { serverHosts } from "./layout.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";

const run = promisify(execFile);
/** Folder of a run in which the command writes down what it changed. */
const stateFolder = "realserver";

/** How to prepare. */
export interface PreparationOptions {
  readonly command: DirectorCommand;
  /** The run's. */
  readonly folder: string;
  readonly unwrap: LabOptions["unwrap"];
  /** The control group of each server's programs. */
  readonly controlGroupOf: (host: string) => string | undefined;
}

/** Brings every server up, where the layout leaves it to the command. Throws YM_LAB_PROGRAM_FAILED with its words. */
export async function prepareServers(network: LabNetwork, options: PreparationOptions): Promise<void> {
  const { layout } = network;
  if (layout.realServers === undefined) return;
  const directors = layout.realServers.directors.flatMap((director) => ["--director", director]);
  const services = (layout.realServers.services ?? [layout.virtualAddress]).flatMap((each) => ["--service", each]);
  const unwrap = layout.method === "tun" && options.unwrap !== undefined ? ["--unwrap", options.unwrap] : [];
  const what = ["--method", layout.method, ...services, ...directors, ...unwrap];
  const state = ["--state-directory", join(options.folder, stateFolder)];
  await Promise.all(
    serverHosts(layout).map(({ name }) => {
      const controlGroup = options.controlGroupOf(name);
      const group = controlGroup === undefined ? [] : ["--cgroup", controlGroup];
      const args = ["realserver", "up", ...what, ...group, ...state];
      return runInside(namespaceOf(network, name), options.command, args);
    }),
  );
}

/** Puts back what was prepared in these namespaces, in all runs of a lab's folder. */
export async function restoreServers(
  labFolder: string,
  namespaces: readonly string[],
  command: DirectorCommand,
): Promise<void> {
  const runs = readdirSync(labFolder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of runs) {
    const folder = join(labFolder, name);
    if (!readdirSync(folder).includes(stateFolder)) continue;
    // It knows each server by its namespace; elsewhere it finds nothing to do.
    const state = ["--state-directory", join(folder, stateFolder)];
    const servers = namespaces.filter((namespace) => namespace.includes(`-${name}-server`));
    await Promise.all(servers.map((namespace) => runInside(namespace, command, ["realserver", "down", ...state])));
  }
}

/**
 * Runs `yardmaster` to its end inside a namespace. Not by `ip netns exec`: it hides /sys/fs/bpf behind a mount of its
 * own, with which all pins would vanish.
 */
export async function runInside(namespace: string, command: DirectorCommand, args: readonly string[]): Promise<void> {
  const [program, ...first] = command;
  try {
    await withNetworkNamespace(namespace, () => ({ done: run(program, [...first, ...args]) })).done;
  } catch (cause) {
    const { stderr = "", message } = cause as Error & { readonly stderr?: string };
    const said = stderr.trim() || message;
    const doing = `running "yardmaster ${args.join(" ")}" in ${namespace}`;
    throw new LabError("YM_LAB_PROGRAM_FAILED", `${doing}: ${said}`, { cause });
  }
}
