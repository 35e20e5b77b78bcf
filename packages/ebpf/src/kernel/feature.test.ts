// Probes as such: asked once, and an error that says which kernel would do.

import { expect, test } from "vitest";
import { defineProbe, isKernelAtLeast, UnsupportedFeatureError } from "./feature.ts";

test("releases compare by number", () => {
  expect(isKernelAtLeast("6.1", "6.1.0-18-amd64")).toBe(true);
  expect(isKernelAtLeast("6.1", "6.18.44")).toBe(true);
  expect(isKernelAtLeast("5.13", "6.0")).toBe(true);
  expect(isKernelAtLeast("6.12", "6.2.0")).toBe(false);
  expect(isKernelAtLeast("6.1", "5.15.0-generic")).toBe(false);
});

test("the kernel is asked once, unless asking failed", () => {
  const answers = [new Error("not permitted"), false, true];
  const probe = defineProbe("tails", "99.1", () => {
    const answer = answers.shift();
    if (typeof answer === "boolean") return answer;
    throw answer;
  });
  expect(() => probe.isSupported()).toThrow("not permitted");
  expect(probe.isSupported()).toBe(false);
  expect(probe.isSupported()).toBe(false);
  expect(() => probe.assertSupported()).toThrow(UnsupportedFeatureError);
  expect(() => probe.assertSupported()).toThrow(/^using tails: this kernel \(.*\) does not have it; .*Linux 99\.1/);
});
