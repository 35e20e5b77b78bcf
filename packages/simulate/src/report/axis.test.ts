// Marks of axes: round, few, and reaching the end.
import fc from "fast-check";
import { expect, test } from "vitest";
import { marksUpTo, timeMarks } from "./axis.ts";

test.each([
  [100, [0, 50, 100]],
  [87, [0, 50, 100]],
  [3, [0, 1, 2, 3]],
  [0.5, [0, 0.2, 0.4, 0.6]],
  [0, [0, 1]],
])("up to %d", (most, marks) => {
  expect(marksUpTo(most, 3)).toEqual(marks);
});

test("marks are even, reach the most, and are never many more than wanted", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-3, max: 1e9, noNaN: true }), fc.integer({ min: 2, max: 8 }), (most, wanted) => {
      const marks = marksUpTo(most, wanted);
      const step = marks[1] ?? 0;
      marks.forEach((mark, index) => expect(mark).toBeCloseTo(index * step, 6));
      expect(marks.at(-1)).toBeGreaterThanOrEqual(most * 0.999_999);
      expect(marks.length).toBeLessThanOrEqual(wanted + 2);
    }),
  );
});

test("times have the unit that suits them, and none is beyond the end", () => {
  expect(timeMarks(60_000, 6).map(({ text }) => text)).toEqual(["0 s", "10 s", "20 s", "30 s", "40 s", "50 s", "60 s"]);
  expect(timeMarks(450, 3).map(({ text }) => text)).toEqual(["0 ms", "200 ms", "400 ms"]);
  expect(timeMarks(3_600_000, 3).map(({ text }) => text)).toEqual(["0 min", "20 min", "40 min", "60 min"]);
});
