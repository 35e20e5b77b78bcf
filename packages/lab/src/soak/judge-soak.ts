// Which failed requests a soak expected, and what was going on when each failed. Pure.
import { causesOf } from "./causes.ts";
import type { FailedRequest, LoadCount } from "./load.ts";
import {
  type Disturbance,
  type DisturbanceTotals,
  disturbanceKinds,
  type JudgedRequest,
  type Outage,
  type ServiceTotals,
  type SoakReport,
} from "./soak-report.ts";

/** What a soak has seen. */
export interface SoakSeen {
  readonly seed: number;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly interrupted: boolean;
  readonly load: LoadCount;
  readonly failed: readonly FailedRequest[];
  readonly disturbances: readonly Disturbance[];
  readonly outages: readonly Outage[];
  readonly anomalies: readonly string[];
}

/** Between the director's word that a server is down and our reading it. */
const toleranceMs = 250;
/** What is done may still be felt so long. */
const aftermathMs = 2_000;
const mostShown = 100;

/**
 * Whether a failure is what the death of a server costs: a connection that was with it, or one that was opened before
 * the director could know, and of which nobody can say where it went.
 */
export function isExpected(request: FailedRequest, outages: readonly Outage[]): boolean {
  return outages.some(({ server, fromMs, backMs = Number.POSITIVE_INFINITY, downMs = backMs }) => {
    const wasOpenedBefore = request.openedMs <= downMs + toleranceMs;
    if (request.endedMs < fromMs || !wasOpenedBefore) return false;
    return request.server === undefined || request.server === server;
  });
}

/** The report. */
export function judgeSoak(seen: SoakSeen): SoakReport {
  const judged = seen.failed.map(
    (request): JudgedRequest => ({
      ...request,
      isExpected: isExpected(request, seen.outages),
      during: seen.disturbances
        .filter((each) => isDuring(request, each))
        .map(({ kind, detail }) => `${kind} ${detail}`),
    }),
  );
  const unexpected = judged.filter((request) => !request.isExpected);
  const anomalies = [
    ...seen.anomalies,
    ...seen.outages.flatMap(({ server, givenWhenDown = 0 }) =>
      givenWhenDown === 0 ? [] : [`${server} was given ${givenWhenDown} connections when it was known to be down`],
    ),
  ];
  return {
    seed: seen.seed,
    seconds: Math.round((seen.endedMs - seen.startedMs) / 1000),
    interrupted: seen.interrupted,
    load: seen.load,
    services: servicesOf(seen.load, judged),
    disturbances: disturbanceKinds.map((kind) => totalsOf(kind, seen.disturbances, judged)),
    done: seen.disturbances,
    outages: seen.outages,
    expectedByCause: causesOf(judged.filter((request) => request.isExpected)),
    unexpectedByCause: causesOf(unexpected),
    unexpected: unexpected.slice(0, mostShown),
    anomalies,
    passed: unexpected.length === 0 && anomalies.length === 0,
  };
}

function isDuring({ startedMs, endedMs }: FailedRequest, { fromMs, untilMs }: Disturbance): boolean {
  return startedMs <= untilMs + aftermathMs && endedMs >= fromMs;
}

function servicesOf({ answeredBy }: LoadCount, judged: readonly JudgedRequest[]): readonly ServiceTotals[] {
  return Object.entries(answeredBy).map(([service, answered]) => {
    const failed = judged.filter((request) => request.service === service);
    const expectedFailures = failed.filter((request) => request.isExpected).length;
    return { service, answered, expectedFailures, unexpectedFailures: failed.length - expectedFailures };
  });
}

function totalsOf(
  kind: Disturbance["kind"],
  disturbances: readonly Disturbance[],
  judged: readonly JudgedRequest[],
): DisturbanceTotals {
  const own = disturbances.filter((each) => each.kind === kind);
  const took = own.map(({ fromMs, untilMs }) => untilMs - fromMs).toSorted((a, b) => a - b);
  const failed = judged.filter((request) => own.some((each) => isDuring(request, each)));
  return {
    kind,
    times: own.length,
    medianMs: took[Math.floor(took.length / 2)] ?? 0,
    longestMs: took.at(-1) ?? 0,
    failedMeanwhile: failed.length,
    unexpectedMeanwhile: failed.filter((request) => !request.isExpected).length,
  };
}
