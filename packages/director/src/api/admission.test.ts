// How much is admitted: with a clock that stands still until it is moved.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Admission } from "./admission.ts";

const limits = { perSecond: 10, burst: 5, atOnce: 2, bodyBytes: 100 };

describe("requests in a second", () => {
  it("come at once as many as the burst, then as many as are admitted in a second", () => {
    let nowMs = 0;
    const admission = new Admission(limits, () => nowMs);
    expect(Array.from({ length: 7 }, () => admission.waitSeconds("a"))).toEqual([0, 0, 0, 0, 0, 1, 1]);
    nowMs = 250;
    expect(Array.from({ length: 3 }, () => admission.waitSeconds("a"))).toEqual([0, 0, 1]);
  });

  it("are counted for each asker", () => {
    const admission = new Admission(limits, () => 0);
    for (let at = 0; at < 5; at++) admission.waitSeconds("a");
    expect([admission.waitSeconds("a"), admission.waitSeconds("b")]).toEqual([1, 0]);
  });

  it("can cost more than one: what was taken beyond is waited for, no longer than filling takes", () => {
    let nowMs = 0;
    const admission = new Admission(limits, () => nowMs);
    expect(admission.waitSeconds("a", 1000)).toBe(0);
    expect(admission.waitSeconds("a")).toBe(1);
    nowMs = 600;
    expect(admission.waitSeconds("a")).toBe(0);
  });

  it("are never more than the limits say, whoever asks whenever", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 200 }), (pauses) => {
        let nowMs = 0;
        const admission = new Admission(limits, () => nowMs);
        let admitted = 0;
        for (const pause of pauses) {
          nowMs += pause;
          if (admission.waitSeconds("a") === 0) admitted += 1;
          expect(admitted).toBeLessThanOrEqual(limits.burst + (nowMs / 1000) * limits.perSecond);
        }
      }),
    );
  });

  it("of a million askers take no more memory than those of a thousand", () => {
    const admission = new Admission(limits, () => 0);
    for (let at = 0; at < 5; at++) admission.waitSeconds("first");
    for (let at = 0; at < 2000; at++) admission.waitSeconds(`${at}`);
    expect(admission.waitSeconds("first")).toBe(0);
  });
});

describe("requests at once", () => {
  it("are bounded in number and in what their bodies take, and make room when they leave", () => {
    const admission = new Admission(limits, () => 0);
    const first = admission.enter(60);
    expect(admission.enter(60)).toBeUndefined();
    const second = admission.enter(40);
    expect(admission.enter(0)).toBeUndefined();
    second?.leave();
    second?.leave();
    expect(admission.enter(41)).toBeUndefined();
    first?.leave();
    expect(admission.enter(100)).toBeDefined();
  });
});
