// What was changed on this machine, on disk before it is changed, so that `down` finds it after a crash as well. A file
// for each network namespace; nothing of it outlives a reboot, as nothing of what it describes does.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Change } from "./changes.ts";
import { RealServerError } from "./errors.ts";
import type { OptionTexts } from "./options.ts";
import { namespaceName } from "./pins.ts";

/** Where the files are unless another directory is given. It is empty after a boot. */
export const DEFAULT_STATE_DIRECTORY = "/run/yardmaster/realserver";
const VERSION = 1;

/** The content of a state file. */
export interface State {
  readonly version: number;
  /** /proc/sys/kernel/random/boot_id: a state of another boot describes nothing any more. */
  readonly bootId: string;
  /** What `up` was asked for last. */
  readonly options: OptionTexts;
  /** Oldest first. */
  readonly changes: readonly Change[];
}

/** A state file that may not exist yet. */
export class StateFile {
  readonly path: string;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.path = join(directory, `${namespaceName()}.json`);
  }

  /** The state, or undefined where there is none of this boot. Throws a RealServerError for what cannot be read. */
  read(): State | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw this.#unreadable(error);
    }
    const state = this.#parse(text);
    return state.bootId === bootId() ? state : undefined;
  }

  /** Puts the state in the place of the old one, whole or not at all, and waits until it is on disk. */
  write(state: Pick<State, "options" | "changes">): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const temporary = `${this.path}.new`;
    const file = openSync(temporary, "w", 0o600);
    try {
      writeSync(file, `${JSON.stringify({ version: VERSION, bootId: bootId(), ...state }, undefined, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }

  #parse(text: string): State {
    try {
      const state = JSON.parse(text) as State;
      if (state.version === VERSION && Array.isArray(state.changes)) return state;
      throw new Error(`it is of version ${state.version}, this program writes ${VERSION}`);
    } catch (cause) {
      throw this.#unreadable(cause);
    }
  }

  #unreadable(cause: unknown): RealServerError {
    const why = cause instanceof Error ? cause.message : String(cause);
    const advice = "it says what to restore; mend it, or remove it and restore by hand";
    return new RealServerError("YM_REALSERVER_STATE", `reading ${this.path}: ${why}; ${advice}`, { cause });
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
