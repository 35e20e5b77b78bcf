// The connection table's default size: small machines must be able to start a director too.
import { expect, test } from "vitest";
import { connectionsFor } from "./configuration.ts";

const GIB = 2 ** 30;

test("the table takes no more than a sixteenth of the memory", () => {
  for (const gib of [0.25, 0.5, 1, 2, 4]) {
    const bytes = connectionsFor(gib * GIB) * 2 * (96 + 16);
    expect(bytes).toBeLessThanOrEqual((gib * GIB) / 16);
    expect(bytes).toBeGreaterThan((gib * GIB) / 64);
  }
});

test("a Raspberry Pi with 1 GB holds 262,144 connections, a large machine a million", () => {
  expect(connectionsFor(GIB)).toBe(262_144);
  expect(connectionsFor(256 * GIB)).toBe(1_048_576);
});

test("a machine with hardly any memory gets a table all the same", () => {
  expect(connectionsFor(0)).toBe(1024);
});
