// The mixed scenario's access to a real lab: its traffic program, its servers, and its director through the command.
import { setTimeout as sleep } from "node:timers/promises";

import { createClient } from "@yardmaster/director";

import type { DirectorCommand, RunningDirector } from "./director-process.ts";
import { printedStatus } from "./director-process.ts";
import type { HostProcess } from "./host-process.ts";
import { ask } from "./host-process.ts";
import { orInterrupted, throwIfInterrupted } from "./lab-error.ts";
import type { MixedSite } from "./mixed/measure.ts";
import type { EndReport, MixerMessage, MixReport } from "./mixed/mixer.ts";
import { askOpenConnections } from "./servers.ts";

/** Only a run that fails takes so long: what is waited for takes a second or two. */
const settleTimeoutMs = 30_000;
const pollIntervalMs = 50;

/** What runs in the lab. */
export interface RunningLab {
  readonly client: HostProcess;
  readonly servers: readonly HostProcess[];
  readonly director: RunningDirector;
  readonly command: DirectorCommand;
}

/** The site. Interrupted by `signal`: its methods then reject with YM_LAB_INTERRUPTED. */
export function realSite(
  { client, servers, director, command }: RunningLab,
  signal: AbortSignal | undefined,
): MixedSite {
  const tell = (message: MixerMessage) => orInterrupted(ask(client, message), signal);
  const api = createClient(director.socketPath);
  return {
    mix: async (job) => (await tell({ kind: "mix", job })) as MixReport,
    endAll: async () => (await tell({ kind: "end" })) as EndReport,
    observe: async (isSettled) => {
      const deadline = Date.now() + settleTimeoutMs;
      while (true) {
        throwIfInterrupted(signal);
        const seen = { status: await api.status(), open: await askOpenConnections(servers) };
        // From here on nothing moves: what is judged is what the command prints.
        if (isSettled(seen) || Date.now() > deadline)
          return { ...seen, status: await printedStatus(director, command) };
        await sleep(pollIntervalMs);
      }
    },
  };
}
