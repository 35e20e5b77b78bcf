// Which checks said that a server is down, for the director that comes after this one, also after kill -9: a small file
// of the instance. Nothing depends on it: where it is missing, wrong or old, all servers begin as up.

import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Report } from "../log/report.ts";

const NAME = "verdicts.json";
/** Of the file's form. */
const VERSION = 1;
/** More are not kept, and a file with more is none of ours. */
const MOST_DOWN = 100_000;
/** Room for that many, twice over. */
const MOST_BYTES = 8 * 2 ** 20;
/** What is older says nothing any more: the servers may have come back meanwhile. */
const MOST_AGE_MS = 300_000;

/** A moment that setting the machine's clock does not move. */
export interface BootTime {
  /** Other after each boot: /proc/sys/kernel/random/boot_id (drivers/char/random.c). */
  readonly bootId: string;
  /** Milliseconds since then, those included in which the machine slept. */
  readonly uptimeMs: number;
}

/** Now, by this machine. /proc/uptime counts in CLOCK_BOOTTIME, hundredths of a second (fs/proc/uptime.c). */
export function bootTime(): BootTime {
  const [seconds] = readFileSync("/proc/uptime", "utf8").split(" ");
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return { bootId, uptimeMs: Math.round(Number(seconds) * 1000) };
}

const schema = z.object({
  version: z.literal(VERSION),
  bootId: z.string(),
  uptimeMs: z.number(),
  down: z.array(z.string()).max(MOST_DOWN),
});

/** The verdicts of one instance. */
export class VerdictFile {
  readonly #directory: string;
  readonly #path: string;
  readonly #report: Report;
  readonly #now: () => BootTime;
  #isEmpty = true;
  #problem: string | undefined;

  constructor(directory: string, report: Report, now = bootTime) {
    this.#directory = directory;
    this.#path = join(directory, NAME);
    this.#report = report;
    this.#now = now;
  }

  /** The checks that were bad when it was written last, by their identities (health-engine.ts). */
  read(): ReadonlySet<string> {
    try {
      const { down, ...written } = this.#parse();
      this.#isEmpty = down.length === 0;
      if (!this.#isEmpty) assertFresh(written, this.#now());
      return new Set(down);
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isMissing) {
        this.#isEmpty = false;
        this.#trouble(`reading ${this.#path}: ${(error as Error).message}: all servers begin as up`);
      }
      return new Set();
    }
  }

  /**
   * Writes which checks are bad, whole or not at all; where that fails it is reported, once until it works again. It is
   * to be written again and again while there are any, or it is too old for a successor. Nothing waits for the disk:
   * what a crash of the machine leaves is of another boot anyway.
   */
  write(down: readonly string[]): void {
    if (down.length === 0 && this.#isEmpty) return;
    const next = `${this.#path}.next`;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o750 });
      const kept = down.slice(0, MOST_DOWN);
      writeFileSync(next, JSON.stringify({ version: VERSION, ...this.#now(), down: kept }), { mode: 0o640 });
      renameSync(next, this.#path);
      this.#isEmpty = down.length === 0;
      if (this.#problem !== undefined) {
        this.#report(`writing ${this.#path}: works again`, { event: "troubleEnded", level: "notice" });
      }
      this.#problem = undefined;
    } catch (error) {
      removeQuietly(next);
      const problem = (error as Error).message;
      if (problem !== this.#problem) {
        this.#trouble(`writing ${this.#path}: ${problem}: after a restart all servers begin as up`);
      }
      this.#problem = problem;
    }
  }

  #trouble(line: string): void {
    this.#report(line, { event: "troubleBegun", level: "warning" });
  }

  #parse(): z.infer<typeof schema> {
    const status = statSync(this.#path);
    if (!status.isFile()) throw new Error("it is not a file");
    if (status.size > MOST_BYTES) throw new Error(`it is too large (${status.size} bytes)`);
    const text = readFileSync(this.#path, "utf8");
    const result = schema.safeParse(dataOf(text));
    if (!result.success) throw new Error("it is damaged or of another version");
    return result.data;
  }
}

/** What a text says, undefined where it says nothing. */
function dataOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function assertFresh(written: BootTime, now: BootTime): void {
  if (written.bootId !== now.bootId) throw new Error("the machine has been started anew since it was written");
  const ageMs = now.uptimeMs - written.uptimeMs;
  if (ageMs < 0) throw new Error("it is of a later time than now");
  if (ageMs > MOST_AGE_MS) throw new Error(`it is too old (${Math.round(ageMs / 1000)} s)`);
}

/** What is left of a file that could not be written; where that cannot be removed either, it does no harm. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // As where there is a file in the place of the directory.
  }
}
