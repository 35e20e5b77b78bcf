// How long a test run took: each part, and the files that took longest. Stands above the sum at the end.

/** Files that are named. */
const SLOWEST = 5;

interface Time {
  readonly name: string;
  readonly seconds: number;
}

export class Times {
  readonly #parts: Time[] = [];
  readonly #files: Time[] = [];

  /** A part of the run, and how long it took. */
  addPart(name: string, seconds: number): void {
    this.#parts.push({ name, seconds });
  }

  /** A test file, imports included. */
  addFile(name: string, seconds: number): void {
    this.#files.push({ name, seconds });
  }

  /** The slowest files that the output of a part names, as `lines` does; those of a part within come last. */
  addFilesOf(part: string, output: string): void {
    const line = [...output.matchAll(/^slowest files: (.*?)\s*$/gm)].at(-1)?.[1] ?? "";
    for (const [, name = "", seconds] of line.matchAll(/(\S+) (\d+) s/g))
      this.addFile(`${part}:${name}`, Number(seconds));
  }

  /** One line for the parts in their order, and one for the slowest files where there are several. */
  lines(): string[] {
    const slowest = this.#files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
    const parts = `time: ${describe(this.#parts)}`;
    return slowest.length < 2 ? [parts] : [parts, `slowest files: ${describe(slowest)}`];
  }
}

function describe(times: readonly Time[]): string {
  return times.map(({ name, seconds }) => `${name} ${seconds.toFixed(0)} s`).join(", ");
}
