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
  process.stderr.write(`${text}\n`);
}

/** A reader that has gone (`yardmaster status | head -1`) is no error. */
export function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}
