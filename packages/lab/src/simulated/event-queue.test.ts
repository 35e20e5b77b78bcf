// The simulated network's clock: events happen in order of time, those of one time in the order they were scheduled.
import fc from "fast-check";
import { expect, test } from "vitest";

import { EventQueue } from "./event-queue.ts";

test("events happen in order of time, ties in the order of scheduling", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (delays) => {
      const queue = new EventQueue();
      const happened: [number, number][] = [];
      delays.forEach((delayMs, index) => void queue.after(delayMs, () => happened.push([queue.nowMs, index])));
      while (queue.step());
      const expected = delays.map((delayMs, index): [number, number] => [delayMs, index]);
      expect(happened).toEqual(expected.sort(([a, i], [b, j]) => a - b || i - j));
    }),
  );
});

test("what is cancelled does not happen; cancelling what has happened does no harm", () => {
  const queue = new EventQueue();
  const happened: string[] = [];
  const cancelFirst = queue.after(1, () => happened.push("first"));
  const cancelSecond = queue.after(2, () => happened.push("second"));
  queue.after(3, () => happened.push("third"));
  cancelSecond();
  while (queue.step());
  cancelFirst();
  expect(happened).toEqual(["first", "third"]);
  expect(queue.nowMs).toBe(3);
});
