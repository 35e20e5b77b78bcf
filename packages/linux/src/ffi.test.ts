// The seam itself: counting, and failing a chosen call. Sockets need no privileges.

import { expect, test } from "vitest";
import { Errno } from "./errno.ts";
import * as ffi from "./ffi.ts";

const [AF_INET, SOCK_DGRAM] = [2, 2];

test("calls are counted, releases are not", () => {
  const before = ffi.callCount();
  const fd = ffi.socket(AF_INET, SOCK_DGRAM, 0);
  expect(fd).toBeGreaterThanOrEqual(0);
  expect(ffi.close(fd)).toBe(0);
  expect(ffi.callCount()).toBe(before + 1);
});

test("the chosen call fails with the chosen errno, the others do not", () => {
  using fault = ffi.failNthCall(2, Errno.ENOMEM);
  const first = ffi.socket(AF_INET, SOCK_DGRAM, 0);
  expect(fault.fired).toBe(false);
  expect(ffi.socket(AF_INET, SOCK_DGRAM, 0)).toBe(-Errno.ENOMEM);
  expect(fault.fired).toBe(true);
  const third = ffi.socket(AF_INET, SOCK_DGRAM, 0);
  for (const fd of [first, third]) {
    expect(fd).toBeGreaterThanOrEqual(0);
    ffi.close(fd);
  }
});

test("disposing calls the order off; one order at a time", () => {
  {
    using _fault = ffi.failNthCall(1, Errno.ENOMEM);
    expect(() => ffi.failNthCall(1, Errno.ENOMEM)).toThrow(/still ordered/);
  }
  const fd = ffi.socket(AF_INET, SOCK_DGRAM, 0);
  expect(fd).toBeGreaterThanOrEqual(0);
  ffi.close(fd);
  expect(() => ffi.failNthCall(0, 1)).toThrow(RangeError);
});

test("errno is that of the call that failed", () => {
  expect(ffi.open("/nonexistent/file", 0)).toBe(-Errno.ENOENT);
  expect(ffi.open("/", 1)).toBe(-21);
});
