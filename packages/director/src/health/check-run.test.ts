// When checks begin and end, by a clock of the test's: exact, spread, and none in the way of another.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../../test/health/fake-clock.ts";
import type { HealthCheck } from "../model/check.ts";
import { CheckRun, keptExchanges } from "./check-run.ts";
import { bad, type Begin, good } from "./exchange.ts";

const check: HealthCheck = {
  ...{ probe: { kind: "tcp" }, via: "direct", port: undefined },
  ...{ intervalMs: 1000, jitterMs: 0, timeoutMs: 500, rise: 2, fall: 3, takesHints: true },
};
const target = { address: "192.0.2.1", port: 80 };

/** What each exchange does: answers after so long, or never. */
type Script = { readonly afterMs: number; readonly isGood: boolean } | "silent";

function bench(script: (at: number) => Script, own: Partial<HealthCheck> = {}, clock = new FakeClock()) {
  const begun: number[] = [];
  const changes: string[] = [];
  let open = 0;
  const begin: Begin = (_target, done) => {
    const what = script(begun.push(clock.now()) - 1);
    open += 1;
    const answer = () => typeof what !== "string" && done((what.isGood ? good : bad)("said so"));
    const cancel = typeof what === "string" ? () => undefined : clock.timer(what.afterMs, answer);
    return {
      close: () => {
        cancel();
        open -= 1;
      },
      waitingFor: () => "no answer",
    };
  };
  const onChange = (reason: string) => changes.push(`${clock.now()} ${reason}`);
  const run = new CheckRun({ check: { ...check, ...own }, target, begin, clock, onChange });
  return { clock, run, begun, changes, open: () => open };
}

describe("a check", () => {
  test("begins by its interval, however long answers take", () => {
    const { clock, begun } = bench((at) => ({ afterMs: at * 50, isGood: true }));
    clock.advance(5000);
    expect(begun).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
  });

  test("times out exactly, and says what was missing", () => {
    const { clock, run } = bench(() => "silent");
    clock.advance(499);
    expect(run.exchanges).toEqual([]);
    clock.advance(1);
    expect(run.exchanges).toEqual([
      { atMs: 86_400_000, durationMs: 500, outcome: "bad", reason: "timed out after 500 ms: no answer" },
    ]);
  });

  test("takes a server down after fall and brings it back after rise", () => {
    const { clock, changes } = bench((at) => ({ afterMs: 1, isGood: at < 2 || at > 5 }));
    clock.advance(10_000);
    expect(changes).toEqual(["4001 said so", "7001 said so"]);
  });

  test("has one exchange at a time where the timeout is longer than the interval", () => {
    const { clock, begun, open } = bench(() => "silent", { timeoutMs: 1500 });
    for (let step = 0; step < 100; step++) {
      clock.advance(100);
      expect(open()).toBeLessThanOrEqual(1);
    }
    expect(begun).toEqual([0, 1500, 3000, 4500, 6000, 7500, 9000]);
  });

  test("keeps the last twenty exchanges", () => {
    const { clock, run } = bench(() => ({ afterMs: 1, isGood: true }));
    clock.advance(100_000);
    expect(run.exchanges.map(({ atMs }) => atMs - 86_400_000)).toEqual(
      Array.from({ length: keptExchanges }, (_, at) => (80 + at) * 1000),
    );
  });

  test("does not care what the machine's date is set to", () => {
    const { clock, begun, changes } = bench(() => ({ afterMs: 1, isGood: true }));
    clock.advance(2500);
    clock.dateShiftMs = -1e12;
    clock.advance(1000);
    clock.dateShiftMs = 1e13;
    clock.advance(1000);
    expect({ begun, changes }).toEqual({ begun: [0, 1000, 2000, 3000, 4000], changes: [] });
  });

  test("that stood still blames no server, and makes up for nothing", () => {
    const { clock, run, begun } = bench((at) => (at === 1 ? "silent" : { afterMs: 1, isGood: true }));
    clock.advance(1100);
    clock.stall(10_000);
    expect(run.exchanges.at(-1)).toMatchObject({ outcome: "unknown", reason: "the director stood still for 9600 ms" });
    clock.advance(2100);
    expect(begun).toEqual([0, 1000, 11_100, 12_100, 13_100]);
  });

  test("leaves nothing when it is closed, at whatever moment", () => {
    fc.assert(
      fc.property(fc.nat(4000), fc.nat(700), (untilMs, afterMs) => {
        const { clock, run, open, changes } = bench(() => ({ afterMs, isGood: false }), { fall: 1 });
        clock.advance(untilMs);
        run[Symbol.dispose]();
        expect({ open: open(), waiting: clock.waiting }).toEqual({ open: 0, waiting: 0 });
        const said = changes.length;
        clock.advance(5000);
        expect(changes.length).toBe(said);
      }),
    );
  });

  test("may answer before its beginner has returned, and throw", async () => {
    const exchangesOf = async (begin: Begin) => {
      const clock = new FakeClock();
      const run = new CheckRun({ check, target, clock, begin, onChange: () => undefined });
      clock.advance(0);
      await Promise.resolve();
      return run.exchanges;
    };
    const closed: string[] = [];
    const hasty = await exchangesOf((_target, done) => {
      done(good("at once"));
      return { close: () => closed.push("closed"), waitingFor: () => "" };
    });
    const broken = await exchangesOf(() => {
      throw new Error("broken");
    });
    expect(hasty).toMatchObject([{ outcome: "good", reason: "at once" }]);
    expect(broken).toMatchObject([{ outcome: "unknown", reason: "broken" }]);
    expect(closed).toEqual(["closed"]);
  });
});

describe("a check that gets a hint", () => {
  const dies = (atMs: number, own: Partial<HealthCheck> = {}) => {
    const clock = new FakeClock();
    return bench(() => ({ afterMs: 1, isGood: clock.now() < atMs }), own, clock);
  };

  test("asks at once, and takes the server down after as many bad answers as ever, only sooner", () => {
    const { clock, run, begun, changes } = dies(10_100, { intervalMs: 10_000 });
    clock.advance(11_000);
    run.hint("it refused 1 connection");
    clock.advance(10_000);
    expect(begun).toEqual([0, 10_000, 11_000, 11_251, 11_502, 20_000]);
    expect(changes).toEqual(["11503 said so (asked sooner: it refused 1 connection)"]);
    expect(run.exchanges.map(({ hint }) => hint !== undefined)).toEqual([false, false, true, true, true, false]);
  });

  test("goes on as planned where the server is well", () => {
    const { clock, run, begun, changes } = dies(100_000);
    clock.advance(1500);
    run.hint("3 SYNs");
    clock.advance(2000);
    expect(begun).toEqual([0, 1000, 1500, 2000, 3000]);
    expect([changes, run.exchanges.at(-1)?.hint]).toEqual([[], undefined]);
  });

  test("waits no longer for hints than for its next turn, and one good answer ends what they began", () => {
    const { clock, run, changes } = bench((at) => ({ afterMs: 1, isGood: at % 2 === 0 }), { intervalMs: 60_000 });
    clock.advance(30_000);
    run.hint("3 SYNs");
    clock.advance(25_000);
    expect(run.exchanges.map(({ outcome }) => outcome)).toEqual(["good", "bad", "good"]);
    expect(changes).toEqual([]);
  });

  test("cannot be brought to ask a good server more than once more in an interval, or take it down", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { minLength: 50, maxLength: 200 }), (pauses) => {
        const { clock, run, begun, changes, open } = dies(Number.POSITIVE_INFINITY);
        for (const pause of pauses) {
          run.hint("3 SYNs");
          clock.advance(pause);
          expect(open()).toBeLessThanOrEqual(1);
        }
        expect(begun.length).toBeLessThanOrEqual(2 * (clock.now() / 1000 + 1) + 1);
        expect(changes).toEqual([]);
      }),
    );
  });

  test("never needs fewer bad answers in a row than fall, whatever the hints and answers", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), fc.array(fc.nat(900)), (good, pauses) => {
        const { clock, run, changes } = bench((at) => ({ afterMs: 1, isGood: good[at] ?? true }));
        for (const pause of pauses) {
          run.hint("3 SYNs");
          clock.advance(pause);
        }
        const answers = good.map((isGood) => (isGood ? "+" : "-")).join("");
        if (!answers.includes("---")) expect(changes).toEqual([]);
      }),
    );
  });

  test("has no use for one while the server is down, or asks already", () => {
    const { clock, run, begun } = dies(0, { timeoutMs: 500 });
    clock.advance(3500);
    expect(run.isUp).toBe(false);
    run.hint("3 SYNs");
    expect(begun).toEqual([0, 1000, 2000, 3000]);
    const slow = bench(() => "silent");
    slow.clock.advance(100);
    slow.run.hint("3 SYNs");
    slow.clock.advance(700);
    expect(slow.begun).toEqual([0, 750]);
  });

  test("leaves nothing when it is closed", () => {
    for (const afterMs of [0, 1, 100, 251, 400]) {
      const { clock, run, open } = dies(0);
      clock.advance(1500);
      run.hint("3 SYNs");
      clock.advance(afterMs);
      run[Symbol.dispose]();
      expect({ open: open(), waiting: clock.waiting }).toEqual({ open: 0, waiting: 0 });
    }
  });
});

describe("many checks", () => {
  test("none waits for another, whatever the others do", () => {
    const clock = new FakeClock(mulberry(1));
    const quick = bench(() => ({ afterMs: 3, isGood: true }), { intervalMs: 100, jitterMs: 0 }, clock);
    for (let at = 0; at < 200; at++) bench(() => "silent", { intervalMs: 150, jitterMs: 50 }, clock);
    clock.advance(2000);
    const gaps = quick.begun.slice(1).map((time, at) => time - (quick.begun[at] ?? 0));
    expect(gaps.every((gap) => Math.abs(gap - 100) < 1e-6)).toBe(true);
    expect(quick.run.exchanges.every(({ durationMs }) => Math.abs(durationMs - 3) < 1e-6)).toBe(true);
  });

  test("spread over the interval, and never begin later than it says", () => {
    const clock = new FakeClock(mulberry(2));
    const all = Array.from({ length: 500 }, () =>
      bench(() => ({ afterMs: 1, isGood: true }), { intervalMs: 1000, jitterMs: 200 }, clock),
    );
    clock.advance(20_000);
    const perTenth = new Map<number, number>();
    for (const { begun } of all) {
      for (const [at, time] of begun.entries()) {
        const before = begun[at - 1];
        if (before !== undefined) expect(time - before).toSatisfy((gap: number) => gap >= 799.999 && gap < 1000.001);
        perTenth.set(Math.floor(time / 100), (perTenth.get(Math.floor(time / 100)) ?? 0) + 1);
      }
    }
    // 500 checks a second: 50 in a tenth of one, and a fair share in each.
    for (const [tenth, count] of perTenth) if (tenth < 190) expect(count).toBeLessThan(110);
  });

  test("spread again after a standstill", () => {
    const clock = new FakeClock(mulberry(3));
    const all = Array.from({ length: 300 }, () => bench(() => ({ afterMs: 1, isGood: true }), {}, clock));
    clock.advance(3000);
    clock.stall(60_000);
    clock.advance(999);
    const times = all.map(({ begun }) => begun.find((time) => time >= 63_000) ?? 0);
    expect(times.filter((time) => time < 63_100).length).toBeLessThan(70);
    expect(Math.max(...times)).toBeGreaterThan(63_900);
  });
});

/** Numbers from 0 to 1 that are the same each time. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
