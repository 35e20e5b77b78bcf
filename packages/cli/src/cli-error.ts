// How a command ends early: with a text for people, or, where the output has said it all, with a status alone.

/** Exit statuses: 1 is what was asked for failed, 2 is a wrong command line or a bad configuration. */
export type FailureStatus = 1 | 2;

/** Something is wrong outside the program; printed as one clear text. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: string;
  readonly hint: string | undefined;
  readonly status: FailureStatus;

  constructor(
    code: string,
    message: string,
    options: { readonly status?: FailureStatus; readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.status = options.status ?? 1;
  }
}

/** The command has printed why it failed; only the exit status is left to say. */
export class FailedCommand extends Error {
  override readonly name = "FailedCommand";
  readonly status: FailureStatus;

  constructor(status: FailureStatus) {
    super(`the command ended with status ${status}`);
    this.status = status;
  }
}
