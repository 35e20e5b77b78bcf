// The lab's one error type: what was being done, what went wrong, what to do.
// Every failure of the lab itself (not of an expectation, which is a result) is one of these.

/** Stable names of the lab's failures, for programs that call it. */
export type LabErrorCode =
  | "YM_LAB_COMMAND_FAILED"
  | "YM_LAB_INTERRUPTED"
  | "YM_LAB_NOT_PERMITTED"
  | "YM_LAB_OPTIONS"
  | "YM_LAB_PROGRAM_FAILED"
  | "YM_LAB_UNKNOWN";

/** A failure of the lab; `message` reads "doing what: what went wrong", `code` is stable. */
export class LabError extends Error {
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LabError";
    this.code = code;
  }
}

/** Throws YM_LAB_INTERRUPTED once the signal has been given. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted(signal);
}

/**
 * Waits for the promise or for the signal, whichever comes first. The loser's failure is already told by
 * the winner's: after an interruption everything is taken down, so a child's death is no news.
 */
export async function orInterrupted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  throwIfInterrupted(signal);
  const given = Promise.withResolvers<never>();
  const onAbort = (): void => given.reject(interrupted(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, given.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function interrupted(signal: AbortSignal): LabError {
  return new LabError("YM_LAB_INTERRUPTED", "running the lab: interrupted; everything it made is removed", {
    cause: signal.reason,
  });
}
