// The only place of the command line that writes: data to stdout, everything said about it to stderr.

/** Writes text and a line end to stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes data as JSON to stdout. */
export function printJson(data: unknown): void {
  print(JSON.stringify(data, undefined, 2));
}

/** Writes text and a line end to stderr. */
export function printNote(text: string): void {
  writeNote(`${text}\n`);
}

/** Writes text to stderr as it is. */
export function writeNote(text: string): void {
  process.stderr.write(text);
}

/**
 * A reader that has gone (`yardmaster status | head -1`) is no error; nor is a log that cannot be written, as on a full
 * disk: what it would have said is done.
 */
export function ignoreClosedOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.stderr.on("error", () => undefined);
}
