// `yardmaster run`: a director, the socket that answers about it, and an orderly end.

import { startApiServer } from "./api/server.ts";
import { Director } from "./director.ts";
import { DirectorError } from "./errors.ts";
import type { RunDirector } from "./run-options.ts";
import { defaultInstance, takeInstance } from "./succession/instance.ts";

/** Runs a director until `signal` is aborted; see RunDirector. */
export const runDirector: RunDirector = async (options) => {
  const { socketPath, signal, report } = options;
  using instance = options.instance === undefined ? undefined : takeInstance(options.instance);
  const up: { director?: Director } = {};
  const late = (): Director => up.director ?? fail("the director is not up yet");
  // Before anything is attached: a socket that cannot be had must not leave programs at work.
  await using api = await startApiServer({
    socketPath,
    source: {
      status: () => late().status(),
      connections: (limit) => late().connections(limit),
      checks: () => late().checks(),
    },
  });
  using running = new Director({ ...options, instance });
  up.director = running;
  const stop = new AbortController();
  const services = options.configuration.services.length;
  report(`ready: ${services} ${services === 1 ? "service" : "services"}, answering on ${api.socketPath}`);
  const work = running.work(AbortSignal.any([signal, stop.signal]));
  try {
    await Promise.race([work, aborted(signal)]);
  } finally {
    stop.abort();
    await work;
  }
  report(
    instance === undefined
      ? "stopped: detached from all interfaces"
      : `stopped: packets are forwarded without it; "yardmaster down${named(instance.name)}" ends that`,
  );
};

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
