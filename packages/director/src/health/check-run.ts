// One check of one server, over and over: when the next attempt begins, what the last ones said, and whether the server
// is up by it. Checks know nothing of each other: none waits for another.
import type { CheckExchange } from "../api/types.ts";
import type { HealthCheck } from "../model/check.ts";
import { attempt, type Ended } from "./attempt.ts";
import type { CheckCounts } from "./check-counts.ts";
import type { Cancel, Clock } from "./clock.ts";
import type { Begin, Target } from "./exchange.ts";
import { afterAnswer, firstStreak, type Streak } from "./streak.ts";

/** So many are kept. */
export const keptExchanges = 20;

/**
 * After a bad answer to an attempt that a hint brought forward, the next comes so soon: `fall` of them are asked for.
 */
const CONFIRM_MS = 250;

/** What a check is made with. */
export interface CheckRunOptions {
  readonly check: HealthCheck;
  readonly target: Target;
  readonly begin: Begin;
  readonly clock: Clock;
  /** What is known of the server already; absent: it begins as up. */
  readonly first?: Streak | undefined;
  readonly counts?: CheckCounts;
  /** This machine could not ask. */
  readonly onUnknown?: (reason: string) => void;
  /** The server went up or down by this check. */
  readonly onChange: (reason: string) => void;
}

/** A check that goes on until it is closed. */
export class CheckRun implements Disposable {
  readonly #options: CheckRunOptions;
  readonly #exchanges: CheckExchange[] = [];
  #streak: Streak;
  #plannedMs: number;
  #cancel: Cancel;
  #isAsking = false;
  /** The attempt under way came out of turn. */
  #isExtra = false;
  /** What speaks against the server besides this check, until an answer does not. */
  #hint: string | undefined;
  #hintedAtMs = Number.NEGATIVE_INFINITY;

  /** The first attempt begins somewhere in the first interval, so that checks that are set up together spread. */
  constructor(options: CheckRunOptions) {
    const { clock, check } = options;
    this.#options = options;
    this.#streak = options.first ?? firstStreak;
    const delayMs = clock.random() * check.intervalMs;
    this.#plannedMs = clock.now() + delayMs;
    this.#cancel = clock.timer(delayMs, () => this.#due());
  }

  get isUp(): boolean {
    return this.#streak.isUp;
  }

  get streak(): Streak {
    return this.#streak;
  }

  /** The last ones, the newest last. */
  get exchanges(): readonly CheckExchange[] {
    return this.#exchanges;
  }

  /**
   * Something else speaks against the server: the next attempt begins now. It takes as many bad answers as ever to take
   * it down, only sooner one after the other; and hints are heard once in an interval, so that who can cause them can
   * neither take a server down nor have it asked much more often.
   */
  hint(hint: string): void {
    const { clock, check } = this.#options;
    const nowMs = clock.now();
    if (!this.isUp || this.#hint !== undefined || nowMs - this.#hintedAtMs < check.intervalMs) return;
    this.#hint = hint;
    this.#hintedAtMs = nowMs;
    if (this.#isAsking) return;
    this.#isExtra = true;
    this.#cancel();
    this.#begin();
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }

  #begin(): void {
    const { clock, check, target, begin } = this.#options;
    const atMs = clock.date();
    this.#isAsking = true;
    this.#cancel = attempt(begin, { clock, target, timeoutMs: check.timeoutMs }, (end) => this.#ended(atMs, end));
  }

  #ended(atMs: number, { outcome, reason, durationMs }: Ended): void {
    const { clock, check, onChange, onUnknown, counts } = this.#options;
    this.#isAsking = false;
    counts?.ended(outcome);
    if (outcome === "unknown") onUnknown?.(reason);
    const hint = this.#hint;
    this.#exchanges.push({ atMs, durationMs, outcome, reason, ...(hint !== undefined && { hint }) });
    if (this.#exchanges.length > keptExchanges) this.#exchanges.shift();
    const before = this.#streak;
    this.#streak = afterAnswer(before, outcome, check);
    if (hint !== undefined && outcome === "bad" && this.#streak.isUp) {
      this.#cancel = clock.timer(Math.min(CONFIRM_MS, check.intervalMs), () => this.#begin());
    } else {
      this.#hint = undefined;
      this.#planNext();
    }
    if (this.#streak.isUp !== before.isUp) onChange(hint === undefined ? reason : `${reason} (asked sooner: ${hint})`);
  }

  /** Earlier than the interval by the jitter, never later; what was missed is not made up for. */
  #planNext(): void {
    const { clock, check } = this.#options;
    // After attempts out of turn, what was planned still holds.
    const isStillAhead = this.#isExtra && this.#plannedMs > clock.now();
    if (!isStillAhead) this.#plannedMs += check.intervalMs - clock.random() * check.jitterMs;
    this.#isExtra = false;
    this.#await();
  }

  /** Waits for the planned time; spreads where much was missed, or all checks would begin at once and together. */
  #await(): void {
    const { clock, check } = this.#options;
    const nowMs = clock.now();
    const lateMs = nowMs - this.#plannedMs;
    if (lateMs > Math.max(check.intervalMs, check.timeoutMs)) {
      this.#plannedMs = nowMs + clock.random() * check.intervalMs;
    } else if (lateMs > 0) this.#plannedMs = nowMs;
    this.#cancel = clock.timer(this.#plannedMs - nowMs, () => this.#due());
  }

  #due(): void {
    const { clock, check, counts } = this.#options;
    const lateMs = clock.now() - this.#plannedMs;
    if (lateMs > Math.max(check.intervalMs, check.timeoutMs)) {
      this.#await();
      return;
    }
    counts?.begins(lateMs);
    this.#begin();
  }
}
