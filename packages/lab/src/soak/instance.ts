// The instance that a soak's director runs as, and its end: it outlives its process, so the lab must end it.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import type { DirectorCommand } from "../director-process.ts";
import { runInside } from "../prepare-servers.ts";

export const soakInstance = "lab";
/** Folder of a run in which it keeps its state. */
export const soakState = "state";

/** Takes down what directors of a lab's runs left at work in these namespaces. */
export async function endInstances(
  labFolder: string,
  namespaces: readonly string[],
  command: DirectorCommand,
): Promise<void> {
  for (const { name } of readdirSync(labFolder, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const state = join(labFolder, name, soakState);
    const director = namespaces.find((namespace) => namespace.endsWith(`-${name}-director`));
    if (director === undefined || !existsSync(state)) continue;
    await runInside(director, command, ["down", "--instance", soakInstance, "--state-directory", state]);
  }
}
