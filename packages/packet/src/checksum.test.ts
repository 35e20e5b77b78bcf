// Checksums: the worked examples of the RFCs, and incremental updates against doing it all again.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, put16 } from "./bytes.ts";
import { foldSum, internetChecksum, pseudoHeaderSum, sumWords, udpChecksumOnWire, updateChecksum } from "./checksum.ts";

describe("checksums", () => {
  test("the example of RFC 1071 section 3", () => {
    expect(foldSum(sumWords(fromHex("0001 f203 f4f5 f6f7")))).toBe(0xddf2);
  });

  test("an odd last byte counts as the high half of a word", () => {
    expect(internetChecksum(Uint8Array.of(0x12, 0x34, 0x56))).toBe(
      internetChecksum(Uint8Array.of(0x12, 0x34, 0x56, 0)),
    );
  });

  test("the example of RFC 1624 section 4: no negative zero", () => {
    expect(updateChecksum(0xdd2f, fromHex("5555"), fromHex("3285"))).toBe(0x0000);
  });

  test("of the longest packet does not overflow", () => {
    expect(internetChecksum(new Uint8Array(65534).fill(0xff))).toBe(0);
    expect(foldSum(sumWords(new Uint8Array(65534).fill(0xff), 2 ** 40))).toBeLessThanOrEqual(0xffff);
  });

  test("pseudo headers of both families", () => {
    expect(pseudoHeaderSum("192.0.2.1", "198.51.100.10", 6, 20)).toBe(0xc000 + 0x0201 + 0xc633 + 0x640a + 6 + 20);
    expect(pseudoHeaderSum("::1", "::2", 17, 0x1_0008)).toBe(1 + 2 + 17 + 1 + 8);
  });

  test("UDP sends a computed zero as 0xffff", () => {
    expect([0, 1, 0xffff].map(udpChecksumOnWire)).toEqual([0xffff, 1, 0xffff]);
  });

  test("an incremental update equals the checksum of the changed bytes", () => {
    const cases = fc.record({
      bytes: fc.uint8Array({ minLength: 24, maxLength: 64 }),
      after: fc.uint8Array({ minLength: 1, maxLength: 16 }),
      at: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(cases, ({ bytes, after, at }) => {
        // A header that is all zeros but for the checksum does not exist: it would have two right sums.
        const whole = bytes.slice();
        whole[20] = 0x45;
        const from = at * 2;
        const length = after.length & ~1;
        const before = whole.slice(from, from + length);
        const old = internetChecksum(whole);
        whole.set(after.subarray(0, length), from);
        expect(updateChecksum(old, before, after.subarray(0, length))).toBe(internetChecksum(whole));
      }),
    );
  });

  test("bytes with their own checksum among them add up to all ones", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 99 }), (bytes) => {
        put16(bytes, 0, 0);
        put16(bytes, 0, internetChecksum(bytes));
        expect(foldSum(sumWords(bytes))).toBe(0xffff);
      }),
    );
  });
});
