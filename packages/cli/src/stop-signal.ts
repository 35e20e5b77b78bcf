// Ctrl-C and SIGTERM as an AbortSignal, for the commands that have something to put away before they end.

/** Runs something with a signal that SIGINT, SIGTERM or SIGHUP aborts; restores the handlers afterwards. */
export async function withStopSignal<Result>(run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const name of names) process.on(name, onSignal);
  try {
    return await run(stop.signal);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}
