// LVS's estimator: the same numbers.
import { expect, test } from "vitest";
import { RATE_FIELDS, RATE_WIDTH, type RateCounters, Rates } from "./rates.ts";

const none: RateCounters = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };
const steady = (perSecond: number, seconds: number): RateCounters => ({
  connections: perSecond * seconds,
  packetsIn: 10 * perSecond * seconds,
  packetsOut: 5 * perSecond * seconds,
  bytesIn: 1000 * perSecond * seconds,
  bytesOut: 500 * perSecond * seconds,
});

/** Measures some by their numbers. */
function measure(rates: Rates<string>, ...all: readonly (readonly [number, string, RateCounters])[]): void {
  const rows = Math.max(0, ...all.map(([number]) => number + 1));
  const counted = new Float64Array(rows * RATE_WIDTH);
  for (const [number, , counters] of all) {
    counted.set(
      RATE_FIELDS.map((field) => counters[field]),
      number * RATE_WIDTH,
    );
  }
  rates.measure(counted, (one) => all.forEach(([number, owner]) => one(number, owner)));
}

const ratesOf = () => new Rates<string>((a, b) => a === b);

/** One thing that has counted so much when it is first seen. */
function estimatorOf(counters: RateCounters) {
  const rates = ratesOf();
  measure(rates, [3, "it", counters]);
  return {
    measure: (now: RateCounters) => measure(rates, [3, "it", now]),
    get perSecond(): RateCounters | undefined {
      return rates.of(3, "it");
    },
  };
}

test("a steady rate comes to be shown by quarters of what is missing", () => {
  const estimator = estimatorOf(none);
  const seen = [2, 4, 6, 8].map((seconds) => {
    estimator.measure(steady(1000, seconds));
    return estimator.perSecond?.connections;
  });
  // 25 %, 43.75 %, 57.8 %, 68.4 %.
  expect(seen).toEqual([250, 437, 578, 684]);
});

test("all five are estimated, each by its own fraction", () => {
  const estimator = estimatorOf(none);
  for (let seconds = 2; seconds <= 100; seconds += 2) estimator.measure(steady(100, seconds));
  expect(estimator.perSecond).toEqual({
    connections: 100,
    packetsIn: 1000,
    packetsOut: 500,
    bytesIn: 100_000,
    bytesOut: 50_000,
  });
});

test("it dies down by a quarter, to nothing", () => {
  const estimator = estimatorOf(none);
  for (let seconds = 2; seconds <= 100; seconds += 2) estimator.measure(steady(1000, seconds));
  estimator.measure(steady(1000, 100));
  expect(estimator.perSecond?.connections).toBe(750);
  for (let round = 0; round < 60; round += 1) estimator.measure(steady(1000, 100));
  expect(estimator.perSecond).toEqual(none);
});

test("what was counted before, and counters that begin anew, are no rate", () => {
  const estimator = estimatorOf(steady(1000, 1000));
  estimator.measure(steady(1000, 1000));
  expect(estimator.perSecond).toEqual(none);
  estimator.measure(none);
  expect(estimator.perSecond).toEqual(none);
});

test("many are told apart, and forgotten when they are gone or their number is another's", () => {
  const rates = ratesOf();
  measure(rates, [7, "a", none]);
  measure(rates, [7, "a", steady(1000, 2)], [9, "c", none]);
  expect([rates.of(7, "a")?.connections, rates.of(8, "a"), rates.of(7, "b")]).toEqual([250, undefined, undefined]);
  measure(rates, [7, "b", steady(1000, 4)], [9, "c", steady(1000, 2)]);
  expect([rates.of(7, "a"), rates.of(7, "b")?.connections]).toEqual([undefined, 0]);
  expect(rates.of(9, "c")?.connections).toBe(250);
  measure(rates);
  expect(rates.of(7, "b")).toBeUndefined();
  measure(rates, [7, "b", steady(1000, 6)]);
  expect(rates.of(7, "b")).toEqual(none);
});

test("a table is given back when the next one is there, to be written anew", () => {
  const rates = ratesOf();
  const [first, second] = [new Float64Array(RATE_WIDTH), new Float64Array(RATE_WIDTH)];
  expect(rates.measure(first, () => undefined)).toHaveLength(0);
  expect(rates.measure(second, () => undefined)).toBe(first);
});
