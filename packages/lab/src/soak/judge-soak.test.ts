// Which failures a soak puts down to a server that died, and what becomes of the others.
import { describe, expect, test } from "vitest";

import { isExpected, judgeSoak, type SoakSeen } from "./judge-soak.ts";
import type { FailedRequest } from "./load.ts";
import type { Outage } from "./soak-report.ts";
import { soakText } from "./soak-text.ts";

const outage: Outage = {
  server: "server2",
  death: "killed",
  amid: "reloads",
  fromMs: 10_000,
  downMs: 14_000,
  backMs: 20_000,
};
const failed = (changes: Partial<FailedRequest>): FailedRequest => ({
  ...{ service: "nat-ipv4", kind: "short", step: "open", cause: "ECONNREFUSED", from: "203.0.113.10" },
  ...{ openedMs: 12_000, startedMs: 12_000, endedMs: 12_001 },
  ...changes,
});

describe("a failure is expected", () => {
  test.each<[string, Partial<FailedRequest>, boolean]>([
    ["of a connection that might have gone to the dead server", {}, true],
    ["not before the server died", { openedMs: 9_000, startedMs: 9_000, endedMs: 9_999 }, false],
    [
      "not of a connection opened when the director knew",
      { openedMs: 14_300, startedMs: 14_300, endedMs: 14_301 },
      false,
    ],
    ["of a connection that was with it, whenever it notices", { server: "server2", endedMs: 30_000 }, true],
    ["not of one that was with another", { server: "server3" }, false],
    ["not of one that is with it since it is back", { server: "server2", openedMs: 22_000, endedMs: 22_500 }, false],
  ])("%s", (_, changes, expected) => {
    expect(isExpected(failed(changes), [outage])).toBe(expected);
  });

  test("of whatever went to it, as long as the director has not found out", () => {
    const { downMs: _, ...unknown } = outage;
    const late = failed({ openedMs: 60_000, startedMs: 60_000, endedMs: 60_001 });
    expect(isExpected(late, [unknown])).toBe(false);
    expect(isExpected(late, [{ ...unknown, backMs: 61_000 }])).toBe(true);
  });

  test("never without an outage", () => {
    expect(isExpected(failed({}), [])).toBe(false);
  });
});

describe("the report", () => {
  const seen: SoakSeen = {
    ...{ seed: 7, startedMs: 0, endedMs: 90_000, interrupted: false, outages: [outage], anomalies: [] },
    load: { connections: 90, requests: 200, answered: 198, answeredBy: { "nat-ipv4": 198 }, longestMs: 12 },
    failed: [failed({}), failed({ kind: "kept", step: "ask", cause: "lost", server: "server3" })],
    disturbances: [
      { kind: "swap", detail: "PUT: schedulers mh", fromMs: 11_000, untilMs: 12_500 },
      { kind: "kill", detail: "9 entries carried over", fromMs: 40_000, untilMs: 43_000 },
    ],
  };

  test("counts failures by cause, service, and what was going on", () => {
    const report = judgeSoak(seen);
    expect(report).toMatchObject({
      passed: false,
      expectedByCause: { "short open ECONNREFUSED": 1 },
      unexpectedByCause: { "kept ask lost": 1 },
      services: [{ service: "nat-ipv4", answered: 198, expectedFailures: 1, unexpectedFailures: 1 }],
      unexpected: [{ cause: "lost", during: ["swap PUT: schedulers mh"] }],
    });
    const times = report.disturbances.map(({ kind, times: count, failedMeanwhile }) => [kind, count, failedMeanwhile]);
    expect(times.filter(([, count]) => count !== 0)).toEqual([
      ["swap", 1, 2],
      ["kill", 1, 0],
    ]);
    expect(soakText(report)).toMatch(/NOT EXPECTED; failed: 1 × kept ask lost[^]*amid swap PUT[^]*The soak FAILED/);
  });

  test("passes where all failures are those of a server that died", () => {
    const report = judgeSoak({ ...seen, failed: [failed({})] });
    expect(report.passed).toBe(true);
    expect(soakText(report)).toMatch(
      /server2 \(killed, amid reloads\) was out after 4\.0 s[^]*No request failed that need not have/,
    );
  });

  test("does not pass with an anomaly, or when a server that is known to be down was given connections", () => {
    expect(judgeSoak({ ...seen, failed: [], anomalies: ["kill: nothing was taken over"] }).passed).toBe(false);
    const given = { ...outage, givenWhenDown: 2 };
    expect(judgeSoak({ ...seen, failed: [], outages: [given] })).toMatchObject({
      passed: false,
      anomalies: ["server2 was given 2 connections when it was known to be down"],
    });
  });
});
