// What a director must know of the one before it and the maps do not say: what ran, what was leaving, and what waited
// to be confirmed. A small file (long texts have files of their own), written whole or not at all; a director runs as
// well where it cannot be written.

import { readFileSync, renameSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Report } from "../log/report.ts";
import type { KeptMarks } from "../status/zero-marks.ts";
import { keptService } from "./kept-service.ts";
import { type KeptText, KeptTexts, keptText } from "./kept-texts.ts";
import type { Leaving } from "./transitions.ts";
import { writeWhole } from "./write-whole.ts";
import type { Edit } from "./written.ts";

const NAME = "state.json";
/** Of the file's form. */
const VERSION = 1;
/** Two configurations of the largest size and what was changed in them are less than this. */
const LARGEST_BYTES = 64 * 1024 * 1024;

/** What is known of the director before. */
export interface KeptState {
  /** The configuration that ran: a text, and what was changed in it. */
  readonly running: { readonly text: string; readonly edits: readonly Edit[] };
  /** The content of the file when it was read last: who has changed it wants that, and not what ran. */
  readonly file: string;
  readonly leaving: readonly Leaving[];
  /** Where it was asked; absent in files of older versions. */
  readonly socketPath?: string | undefined;
  /** Unix time in milliseconds of this state: leaving goes on from there. */
  readonly savedAtMs: number;
  /** What counters were when they were asked to begin at zero; absent in files of older versions. */
  readonly zeroed?: KeptMarks | undefined;
  /** Not confirmed yet: what goes back to `before` then. */
  readonly pending?: { readonly before: string; readonly untilMs: number; readonly withinMs: number } | undefined;
}

const place = z.array(z.union([z.string(), z.int()]));
const edit = z.discriminatedUnion("do", [
  z.object({ do: z.enum(["set", "append"]), place, value: z.unknown() }),
  z.object({ do: z.literal("delete"), place }),
]);
const count = z.int().min(0);
const zeroed = z.object({
  ...{ connections: count, packetsIn: count, bytesIn: count, packetsOut: count, bytesOut: count },
});
const schema = z.object({
  version: z.literal(VERSION),
  running: z.object({ text: keptText, edits: z.array(edit) }),
  file: keptText,
  socketPath: z.string().optional(),
  leaving: z.array(
    z.object({
      kind: z.enum(["service", "server"]),
      service: keptService,
      leftMs: z.number(),
    }),
  ),
  savedAtMs: z.number(),
  zeroed: z.record(z.string(), zeroed).optional(),
  pending: z.object({ before: keptText, untilMs: z.number(), withinMs: z.number() }).optional(),
});

/** The state file of one instance. */
export class StateFile {
  readonly #directory: string;
  readonly #report: Report;
  readonly #texts: KeptTexts;
  #problem: string | undefined;
  /** Writes one after the other. */
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string, report: Report) {
    this.#directory = directory;
    this.#report = report;
    this.#texts = new KeptTexts(directory);
  }

  /** What the director before left; undefined where there is nothing. A file that makes no sense is set aside. */
  read(): KeptState | undefined {
    const path = join(this.#directory, NAME);
    let text: string;
    try {
      const { size } = statSync(path);
      text = size > LARGEST_BYTES ? "" : readFileSync(path, "utf8");
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isMissing) this.#trouble(`reading ${path}: ${(error as Error).message}: starting without it`);
      return undefined;
    }
    const state = parseState(text, this.#texts);
    if (state !== undefined) return state;
    const aside = `${path}.damaged`;
    try {
      renameSync(path, aside);
      this.#trouble(`reading ${path}: it is damaged or of another version: set aside as ${aside}`);
    } catch (error) {
      this.#trouble(`reading ${path}: it is damaged, and cannot be set aside: ${(error as Error).message}`);
    }
    return undefined;
  }

  /** Writes a state, after those before; where that fails it is reported, once until it works again. */
  write(state: KeptState): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(state));
    return this.#writing;
  }

  async #write(state: KeptState): Promise<void> {
    const path = join(this.#directory, NAME);
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o750 });
      await writeWhole(path, JSON.stringify({ version: VERSION, ...(await this.#withKeptTexts(state)) }));
      await this.#texts.prune();
      if (this.#problem !== undefined)
        this.#report(`writing ${path}: works again`, { event: "troubleEnded", level: "notice" });
      this.#problem = undefined;
    } catch (error) {
      const problem = (error as Error).message;
      if (problem !== this.#problem) {
        this.#trouble(`writing ${path}: ${problem}: a restart will know nothing of changes, drains and confirmations`);
      }
      this.#problem = problem;
    }
  }

  async #withKeptTexts({ running, file, pending, ...rest }: KeptState): Promise<object> {
    const before = pending === undefined ? [] : [pending.before];
    const [runningText = "", fileText = "", beforeText = ""] = await this.#texts.keep([running.text, file, ...before]);
    return {
      ...{ running: { ...running, text: runningText }, file: fileText, ...rest },
      ...(pending !== undefined && { pending: { ...pending, before: beforeText } }),
    };
  }

  #trouble(line: string): void {
    this.#report(line, { event: "troubleBegun", level: "warning" });
  }
}

/** The state that a text is; undefined where it is none, or a text that belongs to it is not there. */
function parseState(text: string, texts: KeptTexts): KeptState | undefined {
  try {
    const result = schema.safeParse(JSON.parse(text));
    if (!result.success) return undefined;
    const { running, file, pending, ...rest } = result.data;
    const read = (kept: KeptText): string => texts.read(kept);
    return {
      ...rest,
      ...{ running: { ...running, text: read(running.text) }, file: read(file) },
      ...(pending !== undefined && { pending: { ...pending, before: read(pending.before) } }),
    } as unknown as KeptState;
  } catch {
    return undefined;
  }
}
