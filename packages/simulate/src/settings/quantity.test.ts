// Numbers with units, as people write them.
import { expect, test } from "vitest";
import { SimulationError } from "../simulation-error.ts";
import { decimalNumber, parseDuration, parseRate, wholeNumber } from "./quantity.ts";

test.each([
  ["200/s", 200],
  ["0.5/s", 0.5],
  ["90/min", 1.5],
  ["1800/h", 0.5],
])("the rate %s is %d a second", (text, perSecond) => {
  expect(parseRate(text)).toBe(perSecond);
});

test.each(["200", "200/d", "0/s", "-1/s", "1e3/s", "/s", ""])("%j is no rate", (text) => {
  expect(() => parseRate(text)).toThrow(SimulationError);
  expect(() => parseRate(text)).toThrow(`"${text}" is no rate`);
});

test("durations are whole, have a unit and last", () => {
  expect([parseDuration("250ms"), parseDuration("2m")]).toEqual([250, 120_000]);
  for (const text of ["2", "0s", "1.5s", "s", ""]) expect(() => parseDuration(text)).toThrow("is no duration");
});

test("numbers have bounds, which the hint names", () => {
  const weight = wholeNumber("a weight", 0, 65_535);
  expect([weight("0"), weight("65535")]).toEqual([0, 65_535]);
  for (const text of ["65536", "-1", "1.5", "0x10", " 1", ""]) expect(() => weight(text)).toThrow("is not a weight");
  const speed = decimalNumber("a speed", 0.5, 2);
  expect([speed("0.5"), speed("2")]).toEqual([0.5, 2]);
  for (const text of ["0.4", "2.1", "1e0", "NaN"]) {
    expect(() => speed(text)).toThrow(expect.objectContaining({ hint: "a speed is a number, 0.5–2" }));
  }
});
