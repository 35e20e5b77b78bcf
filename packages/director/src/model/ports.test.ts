// Sets of ports say the same however they are written.
import fc from "fast-check";
import { expect, test } from "vitest";
import { joinRanges, type PortRange, portsText, singlePort } from "./ports.ts";

const range = fc.tuple(fc.nat(300), fc.nat(20)).map(([first, more]): PortRange => ({ first, last: first + more }));
const portsOf = (ranges: readonly PortRange[]) =>
  Array.from({ length: 400 }, (_, port) => port).filter((port) =>
    ranges.some(({ first, last }) => first <= port && port <= last),
  );

test("joined ranges have the same ports, in order, with gaps between them", () => {
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 8 }), (ranges) => {
      const joined = joinRanges(ranges) ?? [];
      expect(portsOf(joined)).toEqual(portsOf(ranges));
      for (const [index, { first }] of joined.entries()) {
        if (index > 0) expect(first).toBeGreaterThan((joined[index - 1]?.last ?? 0) + 1);
      }
    }),
  );
});

test("no ranges are no ports", () => {
  expect(joinRanges([])).toBeUndefined();
});

test("their text, and whether they are one", () => {
  const both = [
    { first: 80, last: 80 },
    { first: 8000, last: 8999 },
  ] as const;
  expect([portsText("any"), portsText(both), portsText([both[0]])]).toEqual(["any", "80,8000-8999", "80"]);
  expect([singlePort("any"), singlePort(both), singlePort([both[0]]), singlePort([both[1]])]).toEqual([
    undefined,
    undefined,
    80,
    undefined,
  ]);
});
