// The error of this package.

/** What somebody brings along cannot be read; the message is for people. */
export class ImportError extends Error {
  override readonly name = "ImportError";
  /** Stable, for programs: YM_IMPORT_… */
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
