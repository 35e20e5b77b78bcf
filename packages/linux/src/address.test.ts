// Addresses between text and bytes.

import fc from "fast-check";
import { expect, test } from "vitest";
import { addressBytes, addressText, macText } from "./address.ts";

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test("bytes survive the way through text", () => {
  fc.assert(
    fc.property(fc.oneof(bytesOf(4), bytesOf(16)), (bytes) => {
      expect(addressBytes(addressText(bytes))).toEqual(bytes);
    }),
  );
});

test.each([
  ["10.0.0.255", [10, 0, 0, 255]],
  ["::", new Array(16).fill(0)],
  ["::1", [...new Array(15).fill(0), 1]],
  ["2001:db8::a:0:1", [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 1]],
  ["::ffff:1.2.3.4", [...new Array(10).fill(0), 255, 255, 1, 2, 3, 4]],
])("%s", (text, bytes) => {
  expect([...addressBytes(text)]).toEqual(bytes);
});

test("what is no address is refused, with the text", () => {
  for (const text of ["", "10.0.0", "10.0.0.256", "fe80::1%eth0", "host"]) {
    expect(() => addressBytes(text)).toThrow(`"${text}" is no IP address`);
  }
  expect(() => addressText(new Uint8Array(5))).toThrow("5 bytes are no IP address");
});

test("link-layer addresses", () => {
  expect(macText(Uint8Array.of(2, 0, 0xab, 0, 0, 1))).toBe("02:00:ab:00:00:01");
});
