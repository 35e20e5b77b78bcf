// One attempt of a check: an exchange with its time limit. Whatever happens, it ends once, at the latest when its time
// is up, and everything that it opened is closed then.
import type { Clock } from "./clock.ts";
import type { Answer, Begin, Target } from "./exchange.ts";
import { failed } from "./exchange.ts";

/** An attempt that ended. */
export interface Ended extends Answer {
  readonly durationMs: number;
}

/** What an attempt is made with. */
export interface AttemptOptions {
  readonly clock: Clock;
  readonly target: Target;
  readonly timeoutMs: number;
}

/** When its time was up only so much later than it should have been, nobody was stopped from answering. */
const HARMLESS_LATENESS_MS = 100;

/** Begins an attempt; the function that comes back gives it up without an end. */
export function attempt(
  begin: Begin,
  { clock, target, timeoutMs }: AttemptOptions,
  ended: (end: Ended) => void,
): () => void {
  const startedMs = clock.now();
  let isOver = false;
  const close = () => {
    isOver = true;
    cancelLimit();
    exchange?.close();
  };
  const end = (answer: Answer) => {
    if (isOver) return;
    close();
    ended({ ...answer, durationMs: clock.now() - startedMs });
  };
  const limit = () => {
    const lateMs = clock.now() - startedMs - timeoutMs;
    // What arrived in time may still wait to be read: timers come before input in Node's event loop.
    cancelLimit = clock.afterInput(() => end(late(lateMs) ?? exchange?.silence ?? timedOut()));
  };
  const late = (lateMs: number): Answer | undefined => {
    if (lateMs <= Math.max(HARMLESS_LATENESS_MS, timeoutMs)) return undefined;
    return { outcome: "unknown", reason: `the director stood still for ${Math.round(lateMs)} ms` };
  };
  const timedOut = (): Answer => ({
    outcome: "bad",
    reason: `timed out after ${timeoutMs} ms: ${exchange?.waitingFor() ?? "nothing was sent"}`,
  });
  let cancelLimit = clock.timer(timeoutMs, limit);
  let exchange: ReturnType<Begin> | undefined;
  try {
    exchange = begin(target, (answer) => {
      // Not before the exchange is known, or it could not be closed.
      if (exchange === undefined) queueMicrotask(() => end(answer));
      else end(answer);
    });
  } catch (error) {
    const answer = failed(error instanceof Error ? error : new Error(String(error)));
    queueMicrotask(() => end({ ...answer, outcome: "unknown" }));
  }
  return () => {
    if (!isOver) close();
  };
}
