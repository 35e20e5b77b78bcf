// The judgement of the mixed scenario: a good run passes, and each fault is found and named.
import { expect, test } from "vitest";

import { judgeMixed } from "./judge-mixed.ts";
import { goodResult, mixedMeasurement } from "./mixed.fixture.ts";
import type { MixedMeasurement, MixedResult } from "./mixed-report.ts";

const unmet = (measured: MixedMeasurement): readonly string[] =>
  judgeMixed(measured)
    .filter(({ met }) => !met)
    .map(({ what, detail }) => `${what} (${detail})`);
const unmetWith = (changes: Partial<MixedResult>): readonly string[] =>
  unmet(mixedMeasurement({ ...goodResult, ...changes }));

test("a good run meets everything", () => {
  expect(unmet(mixedMeasurement(goodResult))).toEqual([]);
  expect(judgeMixed(mixedMeasurement(goodResult))).toHaveLength(7);
});

test("a long connection that went elsewhere is named, with where it belongs", () => {
  const longServers = goodResult.traffic.longServers.with(2, "server1");
  expect(unmetWith({ traffic: { ...goodResult.traffic, longServers } })).toEqual([
    "mixed-sed: each long connection goes where sed says, whatever the short ones did " +
      "(number 3 went to server1, sed says server2)",
  ]);
});

test("counts that are not what the rule says", () => {
  const standing = goodResult.standing.map((counts) => ({ ...counts, active: 4, open: 4 }));
  expect(unmetWith({ standing })).toEqual([
    "mixed-sed: sed has 1:3:8 of the long ones at weights 1:3:8 (4:4:4 active)",
  ]);
});

test("a status that says something else than the servers", () => {
  const standing = goodResult.standing.map((counts, index) => (index === 1 ? { ...counts, open: 2 } : counts));
  expect(unmetWith({ standing })).toEqual([
    "mixed-sed: the director's active connections are those that the servers have open " +
      "(1:3:8 active in status, 1:2:8 open at the servers)",
  ]);
});

test("connections that failed, that were counted twice, that were forgotten", () => {
  expect(unmetWith({ scheduled: 37 })).toEqual([
    "mixed-sed: the director counts each connection once (37 counted, 36 made)",
  ]);
  const traffic = { ...goodResult.traffic, short: 23, failures: { timeout: 1 } };
  expect(unmetWith({ traffic, scheduled: 35 })).toEqual([
    "mixed-sed: every connection is answered, long and short (12 of 12 long, 23 of 24 short; failed: 1 × timeout)",
  ]);
});

test.each([
  [{ active: 1 }, "1 active, 0 inactive, 0 open at the servers"],
  [{ inactive: 2 }, "0 active, 2 inactive, 0 open at the servers"],
  [{ open: 3 }, "0 active, 0 inactive, 3 open at the servers"],
])("what is left in the end: %j", (left, detail) => {
  const ended = goodResult.ended.map((counts, index) => (index === 2 ? { ...counts, ...left } : counts));
  expect(unmetWith({ ended })).toEqual([`mixed-sed: in the end all counts are zero (${detail})`]);
});

test("long connections that did not stay, or of which there were none", () => {
  const good = mixedMeasurement(goodResult);
  const end = { long: 12, stayed: 11, failures: { lost: 1 } };
  const what = "a long connection stays with its server, and closes from both ends";
  expect(unmet({ ...good, end })).toEqual([`${what} (11 of 12; failed: 1 × lost)`]);
  expect(unmet({ services: [], end: { long: 0, stayed: 0, failures: {} } })).toEqual([`${what} (0 of 0)`]);
});
