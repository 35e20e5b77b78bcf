// Which addresses are forgotten when: every half hour all idle ones, otherwise some where there are too many.
import { describe, expect, test } from "vitest";
import { checkLocalities, firstCheck } from "./locality-expiry.ts";

const DAY = 86_400;
const many = (count: number, idle: number) => new Array<number>(count).fill(idle);

describe("a full look", () => {
  test("comes every thirtieth time, and takes what has been idle for longer than the expiry", () => {
    let state = firstCheck;
    const found: (readonly number[])[] = [];
    for (let look = 1; look <= 60; look++) {
      const { expired, next } = checkLocalities(state, [DAY, DAY + 1, 5], DAY);
      found.push(expired);
      state = next;
    }
    const full = found.flatMap((expired, look) => (expired.length === 0 ? [] : [[look + 1, expired]]));
    expect(full).toEqual([
      [30, [1]],
      [60, [1]],
    ]);
  });
});

describe("in between", () => {
  test("addresses go only where there are more than 16,384, after six minutes", () => {
    expect(checkLocalities(firstCheck, many(16_384, 361), DAY)).toEqual({ expired: [], next: { checks: 2 } });
    const { expired, next } = checkLocalities(firstCheck, many(16_387, 361), DAY);
    expect([expired, next]).toEqual([[0, 1, 2, 3], firstCheck]);
    expect(checkLocalities(firstCheck, many(16_387, 360), DAY).expired).toEqual([]);
  });

  test("but at once not more than half as many", () => {
    expect(checkLocalities(firstCheck, many(60_000, 400), DAY).expired).toHaveLength(8192);
  });
});
