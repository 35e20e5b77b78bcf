// A soak in words: a line a minute, and a table at the end.
import { causesText } from "../cause-of.ts";
import { textTable } from "../text-table.ts";
import type { LoadCount } from "./load.ts";
import type { DisturbanceKind, JudgedRequest, Outage, SoakReport } from "./soak-report.ts";

/** How far it is. */
export interface SoakProgress {
  readonly seconds: number;
  readonly load: LoadCount;
  readonly expected: number;
  readonly unexpected: number;
  readonly anomalies: number;
  readonly times: Readonly<Record<DisturbanceKind, number>>;
}

/** `12:00  43,210 requests answered, none failed; 310 reloads, 31 kills …`. */
export function progressText({ seconds, load, expected, unexpected, anomalies, times }: SoakProgress): string {
  const failed = unexpected === 0 ? "none failed" : `${unexpected} FAILED`;
  const dead = expected === 0 ? "" : ` (and ${expected} on servers that died)`;
  const wrong = anomalies === 0 ? "" : `, ${anomalies} ANOMALIES`;
  const done = `${times.reload} reloads, ${times.hand} by hand, ${times.swap} swaps, ${times.kill} kills`;
  const more = `${times.restart} restarts, ${times.outage} outages`;
  return `${clock(seconds)}  ${load.answered} requests answered, ${failed}${dead}${wrong}; ${done}, ${more}`;
}

/** The whole report. */
export function soakText(report: SoakReport): string {
  const { requests, connections, longestMs } = report.load;
  const slowest = `the slowest answer after ${longestMs} ms`;
  return [
    "",
    `${requests} requests on ${connections} connections in ${clock(report.seconds)}, ${slowest} (seed ${report.seed})`,
    "",
    ...textTable(
      [
        ["service", "answered", "failed", "failed with a server that died"],
        ...report.services.map(({ service, answered, expectedFailures, unexpectedFailures }) => [
          service,
          ...[answered, unexpectedFailures, expectedFailures].map(String),
        ]),
      ],
      new Set([0]),
    ),
    "",
    ...textTable(
      [
        ["done", "times", "median", "longest", "failed meanwhile", "with a server that died"],
        ...report.disturbances.map((each) => [
          each.kind,
          String(each.times),
          `${each.medianMs} ms`,
          `${each.longestMs} ms`,
          String(each.unexpectedMeanwhile),
          String(each.failedMeanwhile - each.unexpectedMeanwhile),
        ]),
      ],
      new Set([0]),
    ),
    "",
    ...report.outages.map(outageText),
    ...(Object.keys(report.expectedByCause).length === 0
      ? []
      : [`expected, on servers that died${causesText(report.expectedByCause)}`]),
    ...report.anomalies.map((anomaly) => `NOT AS IT MUST BE: ${anomaly}`),
    ...(Object.keys(report.unexpectedByCause).length === 0
      ? []
      : [`NOT EXPECTED${causesText(report.unexpectedByCause)}`, ...report.unexpected.slice(0, 20).map(failureText)]),
    report.passed ? "No request failed that need not have." : "The soak FAILED.",
    "",
  ].join("\n");
}

function outageText({ server, death, amid, fromMs, downMs, upMs, backMs, givenWhenDown }: Outage): string {
  const down = downMs === undefined ? "was not out before it came back" : `was out after ${seconds(downMs - fromMs)}`;
  const given = givenWhenDown === undefined ? "" : `, then got ${givenWhenDown} new connections`;
  const isUp = upMs !== undefined && backMs !== undefined;
  const up = isUp ? `, was in again ${seconds(upMs - backMs)} after it was back` : "";
  return `${server} (${death}, amid ${amid}) ${down}${given}${up}`;
}

function failureText({ service, kind, step, cause, from, server, startedMs, endedMs, during }: JudgedRequest): string {
  const at = new Date(endedMs).toISOString();
  const on = server === undefined ? "" : ` on a connection to ${server}`;
  const amid = during.length === 0 ? "nothing" : during.slice(-4).join("; ");
  return `  ${at} ${service} ${kind} ${step} from ${from}${on}: ${cause} after ${endedMs - startedMs} ms, amid ${amid}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function clock(total: number): string {
  return `${String(Math.floor(total / 60)).padStart(2, "0")}:${String(Math.floor(total % 60)).padStart(2, "0")}`;
}
