// What checks could not ask for a reason of this machine's: said once for each reason, and again from time to time, not
// for every check.
import type { Report } from "../log/report.ts";

/** The same is said again after so long. */
const AGAIN_MS = 600_000;

/** Of one director. */
export class Unasked {
  readonly #report: Report;
  readonly #nowMs: () => number;
  /** When each kind of reason was said last, and how often it came since. */
  readonly #said = new Map<string, { atMs: number; since: number }>();

  /** `nowMs`: of a clock that does not jump. */
  constructor(report: Report, nowMs: () => number = () => performance.now()) {
    this.#report = report;
    this.#nowMs = nowMs;
  }

  /** A check could not ask. */
  add(reason: string): void {
    // Addresses, ports and times differ from check to check.
    const kind = reason.replaceAll(/[\d.:[\]]+/g, "");
    const known = this.#said.get(kind);
    const nowMs = this.#nowMs();
    if (known !== undefined && nowMs - known.atMs < AGAIN_MS) {
      known.since += 1;
      return;
    }
    const before =
      known === undefined || known.since === 0 ? "" : ` (${known.since} times more since this was said last)`;
    this.#said.set(kind, { atMs: nowMs, since: 0 });
    this.#report(`checks: this machine could not ask, which says nothing of its servers: ${reason}${before}`, {
      ...{ level: "warning", cause: "check", reason },
    });
  }
}
