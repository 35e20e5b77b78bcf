// What a simulation cannot do, said to people: it is always about what was asked for.

/** Stable names of the failures, for programs. */
export type SimulationErrorCode =
  | "YM_SIMULATE_CAPTURE"
  | "YM_SIMULATE_OPTIONS"
  | "YM_SIMULATE_REFUSED"
  | "YM_SIMULATE_VALUE";

/** A failure of a simulation; `message` says what is wrong with which value, `hint` what would be right. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
  readonly code: SimulationErrorCode;
  readonly hint: string | undefined;

  constructor(code: SimulationErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** The error for a value that a person wrote and that is not one. */
export function badValue(message: string, hint: string): SimulationError {
  return new SimulationError("YM_SIMULATE_VALUE", message, { hint });
}
