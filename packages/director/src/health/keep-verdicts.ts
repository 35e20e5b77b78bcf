// Verdicts written down while a director runs: on the turn after each change, and again while any server is down, so
// that they are never too old for a successor.

import { keepGoing, type Rounds } from "../reconcile/rounds.ts";
import type { VerdictFile } from "./verdict-file.ts";

/** A small part of the age at which a file counts no more. */
const ROUND_MS = 10_000;

/** Writes the verdicts of one director. */
export class VerdictWriter implements Disposable {
  readonly #file: VerdictFile;
  readonly #down: () => readonly string[];
  #isDue = false;
  #isClosed = false;

  /** `down`: identities of the checks that are bad. */
  constructor(file: VerdictFile, down: () => readonly string[]) {
    this.#file = file;
    this.#down = down;
  }

  /** Writes on a later turn of the event loop, once for all changes until then. */
  changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#write());
  }

  /** Writes again and again until `signal` is aborted, and then once more. */
  async keep(rounds: Pick<Rounds, "signal" | "report">): Promise<void> {
    const round = (): void => this.#write();
    await keepGoing({ doing: "keeping verdicts", pauseMs: ROUND_MS, ...rounds, round });
    this.#write();
  }

  /** Nothing is written any more: checks that have ended say nothing. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
  }

  #write(): void {
    this.#isDue = false;
    if (!this.#isClosed) this.#file.write(this.#down());
  }
}
