// What counts of handshakes say against a server, and what they never do.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Handshakes, mostHeard, mostUnanswered, someOf, suspicion } from "./handshakes.ts";

const none: Handshakes = { begun: 0, done: 0, refused: 0, repeated: 0 };
/** The hints of a row of seconds, in each of which so much happened. */
function hintsOf(...seconds: readonly Partial<Handshakes>[]): readonly (string | undefined)[] {
  let counts = none;
  let unanswered = 0;
  return seconds.map((second) => {
    const before = counts;
    const add = (field: keyof Handshakes) => (before[field] + (second[field] ?? 0)) >>> 0;
    counts = { begun: add("begun"), done: add("done"), refused: add("refused"), repeated: add("repeated") };
    const found = suspicion(unanswered, before, counts);
    unanswered = found.unanswered;
    return found.hint;
  });
}

test("hints are heard up to a number, each with the same chance", () => {
  const few = Array.from({ length: mostHeard }, (_, at) => at);
  expect(someOf(few, 0.5)).toEqual(few);
  const many = Array.from({ length: 3 * mostHeard }, (_, at) => at);
  const heard = many.flatMap((at) => someOf(many, (at + 0.5) / many.length));
  for (const at of many) expect(heard.filter((one) => one === at).length).toBe(mostHeard);
});

describe("handshakes", () => {
  test("that are refused say so at once", () => {
    expect(hintsOf({ begun: 1, refused: 1 }, { begun: 50, done: 48, refused: 2 })).toEqual([
      "it refused 1 connection",
      "it refused 2 connections",
    ]);
  });

  test("that come to nothing say so together: SYNs that came again, and those of others", () => {
    expect(hintsOf({ begun: 1 }, { repeated: 1 }, {}, { repeated: 1 }, {})).toEqual([
      ...[undefined, undefined, undefined],
      "3 SYNs and no handshake completed",
      undefined,
    ]);
    expect(hintsOf({ begun: 20 })).toEqual(["20 SYNs and no handshake completed"]);
  });

  test("say nothing where one is completed meanwhile, however many are not", () => {
    const flood = { begun: 10_000, repeated: 10_000, done: 1 };
    expect(hintsOf(flood, flood, { begun: 2 }, { done: 1 }, { begun: 2 })).toEqual(Array(5).fill(undefined));
  });

  test("go on where a count begins anew after 2^32", () => {
    const before = { begun: 2 ** 32 - 2, done: 2 ** 32 - 1, refused: 0, repeated: 7 };
    expect(suspicion(0, before, { ...before, begun: 3 })).toMatchObject({ hint: "5 SYNs and no handshake completed" });
    expect(suspicion(0, before, { ...before, begun: 3, done: 2 })).toEqual({ unanswered: 0 });
  });

  test("say nothing of a place that was given to another server", () => {
    expect(suspicion(2, { begun: 50, done: 40, refused: 3, repeated: 5 }, none)).toEqual({ unanswered: 0 });
  });

  test("never speak against a server without a refusal or enough SYNs", () => {
    const counts = fc.record({ begun: fc.nat(), done: fc.nat(), refused: fc.constant(0), repeated: fc.nat() });
    fc.assert(
      fc.property(fc.nat(mostUnanswered - 1), counts, (unanswered, now) => {
        const { hint } = suspicion(unanswered, none, now);
        expect(hint !== undefined).toBe(now.done === 0 && unanswered + now.begun + now.repeated >= mostUnanswered);
      }),
    );
  });
});
