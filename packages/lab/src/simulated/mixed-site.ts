// The mixed scenario's access to a simulated lab. What it asks for are promises; they get on event by event.
import { setImmediate as nextTurn } from "node:timers/promises";

import { throwIfInterrupted } from "../lab-error.ts";
import type { MixedSite, Observation } from "../mixed/measure.ts";
import { Mixer } from "../mixed/mixer.ts";
import type { SimulatedDirector } from "./director-host.ts";
import type { EventQueue } from "./event-queue.ts";
import { connectFrom } from "./http-connection.ts";
import type { Programs } from "./start-programs.ts";

/** In simulated time: longer than what is waited for, the timeouts of ended connections. */
const SETTLE_MS = 10_000;

/** The site. Interrupted by `signal`: its methods then reject with YM_LAB_INTERRUPTED. */
export function simulatedSite(
  { client, openConnections }: Programs,
  director: SimulatedDirector,
  signal: AbortSignal | undefined,
): MixedSite {
  const { queue } = client;
  const mixer = new Mixer(connectFrom(client));
  return {
    mix: (job) => drive(queue, mixer.mix(job), signal),
    endAll: () => drive(queue, mixer.endAll(), signal),
    observe: async (isSettled) => {
      const look = (): Observation => ({ status: director.status(), open: openConnections });
      const deadlineMs = queue.nowMs + SETTLE_MS;
      while (!isSettled(look()) && queue.nowMs < deadlineMs && queue.step()) throwIfInterrupted(signal);
      return structuredClone(look());
    },
  };
}

/** Lets events happen until the promise is settled; after each, what waits for it gets its turn. */
async function drive<T>(queue: EventQueue, promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  while (!isSettled && queue.step()) {
    await nextTurn();
    throwIfInterrupted(signal);
  }
  return promise;
}
