// Capabilities by bit, and the sentence about what is missing.

import { expect, test } from "vitest";
import { capabilitiesOf, effectiveCapabilities, missingPrivileges } from "./privileges.ts";

test("bits are names", () => {
  expect([...capabilitiesOf(0n)]).toEqual([]);
  expect([...capabilitiesOf(1n)]).toEqual(["CAP_CHOWN"]);
  expect([...capabilitiesOf((1n << 12n) | (1n << 39n))]).toEqual(["CAP_NET_ADMIN", "CAP_BPF"]);
  expect(capabilitiesOf(0x1ff_ffff_ffffn).size).toBe(41);
});

test("what is missing is one sentence", () => {
  expect(missingPrivileges(capabilitiesOf(0n))).toMatch(/^this process lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN: /);
  expect(missingPrivileges(new Set(["CAP_BPF", "CAP_PERFMON"]))).toMatch(/lacks CAP_NET_ADMIN:/);
  expect(missingPrivileges(new Set(["CAP_SYS_ADMIN", "CAP_NET_ADMIN"]))).toBeUndefined();
  expect(missingPrivileges(new Set(["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]))).toBeUndefined();
});

test("this thread's capabilities can be read", () => {
  expect(effectiveCapabilities().size).toBeLessThanOrEqual(41);
});
