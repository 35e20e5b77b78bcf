// Ctrl-C and SIGTERM as an AbortSignal, for the commands that have something to put away before they end.

/** Runs something with a signal that these abort, and tells `onStop` which; restores the handlers afterwards. */
export async function withStopSignal<Result>(
  run: (signal: AbortSignal) => Promise<Result>,
  names: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"],
  onStop: (name: NodeJS.Signals) => void = () => undefined,
): Promise<Result> {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (!stop.signal.aborted) onStop(name);
    stop.abort();
  };
  for (const name of names) process.on(name, onSignal);
  try {
    return await run(stop.signal);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}
