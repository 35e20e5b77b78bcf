// What checks have done, in numbers.
import { expect, test } from "vitest";
import { CheckCounts, latenessBoundsMs } from "./check-counts.ts";

test("each exchange counts once, in the narrowest bound of its lateness", () => {
  const counts = new CheckCounts();
  for (const lateMs of [-0.2, 1, 1.1, 30, 5000]) counts.begins(lateMs);
  for (const outcome of ["good", "good", "bad", "unknown"] as const) counts.ended(outcome);
  const { exchanges, lateness, begun, lateMs } = counts.totals;
  expect(exchanges).toEqual({ good: 2, bad: 1, unknown: 1 });
  expect([lateness, latenessBoundsMs.length]).toEqual([[2, 1, 0, 0, 1, 0, 0, 0, 0], 9]);
  expect([begun, lateMs]).toEqual([5, 5032.1]);
});
