// Packing of attributes, and the names that the kernel would refuse without saying why.

import { expect, test } from "vitest";
import { addressOf } from "../ffi.ts";
import { BpfAttribute } from "./attribute.ts";
import { countCpus } from "./cpu.ts";

test("fields land at their offsets, little-endian", () => {
  const bytes = Uint8Array.of(1);
  const attr = new BpfAttribute(32).u32(0, 0x01020304).u64(8, 5).pointer(16, bytes).pointer(24, undefined);
  expect([...attr.bytes.subarray(0, 16)]).toEqual([4, 3, 2, 1, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
  expect(new DataView(attr.bytes.buffer).getBigUint64(16, true)).toBe(addressOf(bytes));
  expect(new DataView(attr.bytes.buffer).getBigUint64(24, true)).toBe(0n);
  expect(attr.getU32(0)).toBe(0x01020304);
});

test("names are checked", () => {
  expect([...new BpfAttribute(16).name(0, "abc").bytes.subarray(0, 4)]).toEqual([97, 98, 99, 0]);
  new BpfAttribute(16).name(0, "exactly_15.chrs");
  for (const name of ["sixteen_chars_xx", "with space", "ümlaut"]) {
    expect(() => new BpfAttribute(16).name(0, name)).toThrow(`"${name}" is not at most 15 characters`);
  }
});

test("lists of CPUs are counted", () => {
  expect(["0\n", "0-3", "0-3,5", "0,2,4-7"].map(countCpus)).toEqual([1, 4, 5, 6]);
  expect(countCpus("nonsense")).toBeNaN();
});
