// The state machine of a check: what it says after any row of answers.
import fc from "fast-check";
import { expect, test } from "vitest";
import { afterAnswer, firstStreak, type Outcome } from "./streak.ts";

const pace = fc.record({ rise: fc.integer({ min: 1, max: 5 }), fall: fc.integer({ min: 1, max: 5 }) });
const answers = fc.array(fc.constantFrom<Outcome>("good", "bad", "unknown"), { maxLength: 60 });

/** The same by looking back over all answers each time, as the documentation says it. */
function isUpAfter(all: readonly Outcome[], { rise, fall }: { readonly rise: number; readonly fall: number }): boolean {
  let isUp = true;
  for (let end = 1; end <= all.length; end++) {
    const said = all.slice(0, end).filter((outcome) => outcome !== "unknown");
    const against = isUp ? "bad" : "good";
    const needed = isUp ? fall : rise;
    if (all[end - 1] === against && said.length >= needed && said.slice(-needed).every((one) => one === against)) {
      isUp = !isUp;
    }
  }
  return isUp;
}

test("a server goes down after fall bad answers in a row and up after rise good ones, and at no other time", () => {
  fc.assert(
    fc.property(answers, pace, (all, settings) => {
      const streak = all.reduce((before, outcome) => afterAnswer(before, outcome, settings), firstStreak);
      expect(streak.isUp).toBe(isUpAfter(all, settings));
      expect(streak.against).toBeLessThan(streak.isUp ? settings.fall : settings.rise);
    }),
  );
});

test("what the director could not ask moves nothing", () => {
  const state = { isUp: true, against: 2 };
  expect(afterAnswer(state, "unknown", { rise: 1, fall: 3 })).toEqual(state);
});
