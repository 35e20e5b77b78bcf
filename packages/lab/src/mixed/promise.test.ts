// The rules of the least-connection schedulers over long connections alone.
import fc from "fast-check";
import { expect, test } from "vitest";

import { firstBroken, leastConnectionSchedulers, mayTakeNext, promisedCounts } from "./promise.ts";

/** As `1 2 3` for the first, second and third server. */
function order(
  scheduler: (typeof leastConnectionSchedulers)[number],
  weights: readonly number[],
  count: number,
): string {
  const counts = weights.map(() => 0);
  const servers = Array.from({ length: count }, () => {
    const [next = -1] = mayTakeNext(
      scheduler,
      weights.map((weight, index) => ({ weight, long: counts[index] ?? 0 })),
    );
    counts[next] = (counts[next] ?? 0) + 1;
    return next + 1;
  });
  return servers.join(" ");
}

test.each([
  ["lc", "1 2 3 1 2 3 1 2 3 1 2 3"],
  ["wlc", "1 2 3 3 3 2 3 3 3 2 3 3"],
  // The slow server waits until it would be as quick as the others, ...
  ["sed", "3 3 2 3 3 3 2 3 3 1 2 3"],
  // ... or is taken at once because it is idle.
  ["nq", "1 2 3 3 3 3 3 2 3 3 2 3"],
] as const)("%s at weights 1:3:8, the first of equals each time", (scheduler, expected) => {
  expect(order(scheduler, [1, 3, 8], 12)).toBe(expected);
});

test("once every server has had its share, ties make no difference", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 });
  const rounds = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(
      fc.constantFrom("wlc", "sed"),
      weights,
      rounds,
      fc.infiniteStream(fc.nat()),
      (name, list, times, draws) => {
        const counts = list.map(() => 0);
        const connections = times * list.reduce((sum, weight) => sum + weight, 0);
        for (let made = 0; made < connections; made++) {
          const allowed = mayTakeNext(
            name,
            list.map((weight, index) => ({ weight, long: counts[index] ?? 0 })),
          );
          const next = allowed[draws.next().value % allowed.length] ?? 0;
          counts[next] = (counts[next] ?? 0) + 1;
        }
        const shares = list.map((weight) => times * weight);
        expect(counts).toEqual(shares);
        expect(promisedCounts(name, list, connections)).toEqual(shares);
      },
    ),
  );
});

test.each([
  ["lc", [4, 4, 4]],
  ["wlc", [1, 3, 8]],
  ["sed", [1, 3, 8]],
  ["nq", [1, 3, 8]],
] as const)("%s: where twelve stand", (scheduler, counts) => {
  expect(promisedCounts(scheduler, [1, 3, 8], 12)).toEqual(counts);
});

test("lc and wlc may take any of equals, sed and nq only the first", () => {
  const idle = [1, 1, 1].map((weight) => ({ weight, long: 0 }));
  expect(leastConnectionSchedulers.map((name) => mayTakeNext(name, idle))).toEqual([[0, 1, 2], [0, 1, 2], [0], [0]]);
});

test("the first choice against the rule is found, with what the rule allows", () => {
  expect(firstBroken("wlc", [1, 3, 8], [2, 1, 0, 2])).toBeUndefined();
  expect(firstBroken("wlc", [1, 3, 8], [2, 2])).toEqual({ at: 1, allowed: [0, 1] });
  expect(firstBroken("sed", [1, 3, 8], [2, 2, 0])).toEqual({ at: 2, allowed: [1] });
  expect(firstBroken("nq", [1, 3, 8], [2])).toEqual({ at: 0, allowed: [0] });
});

test("a server that is not in the list is against every rule", () => {
  expect(firstBroken("lc", [1, 3, 8], [-1])).toEqual({ at: 0, allowed: [0, 1, 2] });
});
