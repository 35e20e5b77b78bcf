// Servers one by one or in groups.
import { expect, test } from "vitest";
import type { ReportedServer } from "./report.ts";
import { seriesOf } from "./series.ts";

const servers = (...weights: readonly number[]): readonly ReportedServer[] =>
  weights.map((weight, index) => ({ name: `s${index + 1}`, weight, speed: 1, workers: null, upper: 0, lower: 0 }));

test("few servers stand for themselves", () => {
  expect(seriesOf(servers(1, 2), 2)).toEqual([
    { label: "s1: weight 1", indexes: [0] },
    { label: "s2: weight 2", indexes: [1] },
  ]);
});

test("many are grouped with their like, wherever they stand", () => {
  expect(seriesOf(servers(1, 2, 1), 2)).toEqual([
    { label: "2 × weight 1", indexes: [0, 2] },
    { label: "1 × weight 2", indexes: [1] },
  ]);
});

test("too many kinds are one group", () => {
  expect(seriesOf(servers(1, 2, 3), 2)).toEqual([{ label: "3 servers", indexes: [0, 1, 2] }]);
});
