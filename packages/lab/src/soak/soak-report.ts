// What a soak has found out, as data: the JSON of `yardmaster lab soak --json`.
import type { FailedRequest, LoadCount } from "./load.ts";

/** What is done to a director that runs. */
export const disturbanceKinds = ["reload", "hand", "swap", "kill", "restart", "outage"] as const;

/**
 * `reload`: another configuration, by SIGHUP or the API, that the program at work can serve; `hand`: one server other;
 * `swap`: a configuration that takes another program; `kill`: SIGKILL and a new director; `restart`: the same with
 * SIGTERM; `outage`: a server that dies.
 */
export type DisturbanceKind = (typeof disturbanceKinds)[number];

/** Something that was done. */
export interface Disturbance {
  readonly kind: DisturbanceKind;
  /** `SIGHUP: 2 services changed`. */
  readonly detail: string;
  /** Unix times in milliseconds. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** How a server dies: its program is killed, so that its host refuses; or its cable is pulled, and nothing answers. */
export type Death = "killed" | "cable pulled";

/** A server that died. */
export interface Outage {
  readonly server: string;
  readonly death: Death;
  /** What else is done to the director until it has found out: reloads at most, or all there is. */
  readonly amid: "reloads" | "everything";
  readonly fromMs: number;
  /** When the director had taken it out of all services. */
  downMs?: number;
  /** When its program ran again, or its cable was plugged in. */
  backMs?: number;
  /** When the director had it back in all services. */
  upMs?: number;
  /** Connections that it was given though it was known to be down; must be none. */
  givenWhenDown?: number;
}

/** A failed request, judged. */
export interface JudgedRequest extends FailedRequest {
  /** It was on a server that had died and that the director could not know of. */
  readonly isExpected: boolean;
  /** What was done at that time. */
  readonly during: readonly string[];
}

/** What became of the requests to one service. */
export interface ServiceTotals {
  readonly service: string;
  readonly answered: number;
  readonly expectedFailures: number;
  readonly unexpectedFailures: number;
}

/** How often something was done, and how long it took. */
export interface DisturbanceTotals {
  readonly kind: DisturbanceKind;
  readonly times: number;
  readonly medianMs: number;
  readonly longestMs: number;
  /** Failed requests that ended meanwhile or within two seconds. */
  readonly failedMeanwhile: number;
  readonly unexpectedMeanwhile: number;
}

/** The whole run. */
export interface SoakReport {
  readonly seed: number;
  readonly seconds: number;
  /** It was ended before all was done. */
  readonly interrupted: boolean;
  readonly load: LoadCount;
  readonly services: readonly ServiceTotals[];
  readonly disturbances: readonly DisturbanceTotals[];
  /** One by one. */
  readonly done: readonly Disturbance[];
  readonly outages: readonly Outage[];
  /** Failed requests by cause, `short ECONNREFUSED` and the like. */
  readonly expectedByCause: Readonly<Record<string, number>>;
  readonly unexpectedByCause: Readonly<Record<string, number>>;
  /** The unexpected ones, a hundred at most. */
  readonly unexpected: readonly JudgedRequest[];
  /** What else was not as it must be: `restart 3: nothing was taken over`. */
  readonly anomalies: readonly string[];
  /** No unexpected failure, and no anomaly. */
  readonly passed: boolean;
}
