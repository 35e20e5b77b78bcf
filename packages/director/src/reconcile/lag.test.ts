// How far what runs is behind what is wanted.
import { expect, test } from "vitest";
import { ReconcileLag } from "./lag.ts";

test("nothing waits until a change cannot be made; then the oldest counts until all is made", () => {
  const lag = new ReconcileLag();
  expect([lag.isBehind, lag.status(5)]).toEqual([false, { lagMs: 0, made: 0, failed: 0 }]);
  lag.made(10, 12);
  expect(lag.status(1000)).toEqual({ lagMs: 0, tookMs: 2, made: 1, failed: 0 });
  lag.failed(2000);
  lag.failed(3000);
  expect([lag.isBehind, lag.status(3500)]).toEqual([true, { lagMs: 1500, tookMs: 2, made: 1, failed: 2 }]);
  lag.made(4000, 4001);
  expect([lag.isBehind, lag.status(9000)]).toEqual([false, { lagMs: 0, tookMs: 2001, made: 2, failed: 2 }]);
});
