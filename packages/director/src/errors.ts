// Errors of the director that are meant for people: a stable code, one clear sentence, and what to do about it.
// Everything in this package that can fail because of the world (not because of a bug) throws one of these.

/** An error with a stable `code` and, where there is something to do about it, a `hint`. */
export class DirectorError extends Error {
  override readonly name: string = "DirectorError";
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
