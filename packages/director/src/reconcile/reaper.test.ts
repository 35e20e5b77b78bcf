// When a connection's time is up on a clock that wraps around, and pauses that end early.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasPassed } from "./reaper.ts";
import { pause } from "./rounds.ts";

describe("hasPassed", () => {
  it.each([
    [100, 99, false],
    [100, 100, true],
    [100, 101, true],
    [0, 0xffff_ffff, false],
    [5, 0xffff_fff0, false],
    [0xffff_ffff, 0xffff_fffe, false],
    [0xffff_ffff, 0xffff_ffff, true],
    [0xffff_ffff, 0, true],
    [0xffff_fff0, 5, true],
  ])("expiry %d at tick %d: %s", (expiry, now, passed) => {
    expect(hasPassed(expiry, now)).toBe(passed);
  });

  it("depends on the distance alone, wherever the clock stands", () => {
    const tick = fc.integer({ min: 0, max: 0xffff_ffff });
    const ahead = fc.integer({ min: 1, max: 0x7fff_ffff });
    fc.assert(
      fc.property(tick, ahead, (now, distance) => {
        expect(hasPassed((now + distance) >>> 0, now)).toBe(false);
        expect(hasPassed(now, (now + distance) >>> 0)).toBe(true);
      }),
    );
  });
});

describe("pause", () => {
  it("says true when the time is over, false when it was called off before or meanwhile", async () => {
    const stop = new AbortController();
    expect(await pause(1, stop.signal)).toBe(true);
    const waiting = pause(1_000_000, stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
    expect(await pause(1_000_000, stop.signal)).toBe(false);
  });
});
