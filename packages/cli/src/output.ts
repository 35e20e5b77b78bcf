// The only place of the command line that writes: data to stdout, everything said about it to stderr.

/** Nobody reads stdout any more. */
let isClosed = false;

/** Writes text and a line end to stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/**
 * The same (or with another end), of what is long: resolves when there is room for more, so that a slow reader is
 * waited for. False when nobody reads any more.
 */
export async function printOn(text: string, { end = "\n" } = {}): Promise<boolean> {
  const { stdout } = process;
  if (!stdout.write(`${text}${end}`) && !isClosed) {
    await new Promise<void>((resolve) => {
      const events = ["drain", "close", "error"] as const;
      const done = (): void => {
        for (const event of events) stdout.off(event, done);
        resolve();
      };
      for (const event of events) stdout.on(event, done);
    });
  }
  return !isClosed;
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
    isClosed = true;
  });
  process.stderr.on("error", () => undefined);
}
