// The sum that ends every test run, there and back.
import { expect, test } from "vitest";
import { describeCounts, NONE, ONE_FAILED, ONE_PASSED, sum, tryParseCounts } from "./counts.ts";

test("parts add up, and nothing adds up to nothing", () => {
  expect(sum([])).toEqual(NONE);
  expect(sum([ONE_PASSED, ONE_FAILED, { passed: 1, failed: 2, skipped: 3 }])).toEqual({
    passed: 2,
    failed: 3,
    skipped: 3,
  });
});

test("the last line can be read back; anything else is no result", () => {
  const counts = { passed: 12, failed: 0, skipped: 3 };
  expect(describeCounts(counts)).toBe("12 passed, 0 failed, 3 skipped");
  expect(tryParseCounts(`noise\n${describeCounts(counts)}\n`)).toEqual(counts);
  expect(tryParseCounts("it said 1 passed, 2 failed, 3 skipped, roughly")).toBeUndefined();
});
