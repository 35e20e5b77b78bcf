// Descriptors close once, are refused after that, and are missed when they stay open.

import { expect, test } from "vitest";
import { FileDescriptor, openDescriptors } from "./fd.ts";
import * as ffi from "./ffi.ts";
import { assertNothingOpen } from "./leak-check.ts";

const open = (what: string): FileDescriptor => new FileDescriptor(ffi.open("/dev/null", 0), what);

test("closes at the end of its scope, and only once", () => {
  let number: number;
  {
    using fd = open("null");
    number = fd.value;
    expect(fd.isClosed).toBe(false);
    fd.close();
    expect(fd.isClosed).toBe(true);
    expect(() => fd.value).toThrow("using null: it has been closed");
    // The number is free again: closing twice would close this one.
    using other = open("other");
    expect(other.value).toBe(number);
    fd.close();
    expect(ffi.open(`/proc/self/fd/${other.value}`, 0)).toSatisfy((again: number) => ffi.close(again) === 0);
  }
  assertNothingOpen();
});

test("what stays open is listed with the place that opened it", () => {
  const fd = open("forgotten");
  expect(openDescriptors()).toMatchObject([{ kind: "descriptor", what: "forgotten" }]);
  expect(assertNothingOpen).toThrow(/descriptor: forgotten, opened\n.*fd\.test\.ts/);
  fd.close();
  assertNothingOpen();
});

test("a number that is no descriptor is refused", () => {
  expect(() => new FileDescriptor(-1, "nothing")).toThrow("wrapping nothing: -1 is no descriptor");
});
