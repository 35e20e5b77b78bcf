// Memory is given back when nobody is waiting for anything.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { giveBackMemory, noteWork } from "./engine.ts";

const collected = vi.fn();

beforeEach(() => {
  collected.mockClear();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  // What was done before, by another clock, is over.
  noteWork();
});
afterEach(() => vi.useRealTimers());

test("garbage is collected twice after something large", () => {
  giveBackMemory(collected);
  giveBackMemory(collected);
  vi.advanceTimersByTime(14_000);
  expect(collected).toHaveBeenCalledTimes(0);
  vi.advanceTimersByTime(2_000);
  expect(collected).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000_000);
  expect(collected).toHaveBeenCalledTimes(2);
});

test("while changes are made it is not, however long that goes on", () => {
  giveBackMemory(collected);
  for (let second = 0; second < 60; second++) {
    noteWork();
    vi.advanceTimersByTime(1_000);
  }
  expect(collected).toHaveBeenCalledTimes(0);
  vi.advanceTimersByTime(5_000);
  expect(collected).toHaveBeenCalledTimes(1);
});
