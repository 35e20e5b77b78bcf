// Addresses: spelling by RFC 5952, and node:net as the oracle for what an address is at all.
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatAddress,
  formatMac,
  formatPrefix,
  ipv4FromNumber,
  ipv4ToNumber,
  macBytes,
  parseAddress,
  parseMac,
  parsePrefix,
  prefixContains,
  tryParseAddress,
} from "./address.ts";

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
// Zeros often enough that runs of them are compressed.
const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
const v6 = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((value) => [value >>> 8, value & 0xff])));

describe("addresses", () => {
  test.each([
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["1::", "1::"],
    ["::ffff:c000:201", "::ffff:192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["192.0.2.1", "192.0.2.1"],
  ])("%s is spelled %s", (text, canonical) => {
    expect(formatAddress(text)).toBe(canonical);
  });

  test.each(["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", " 1.2.3.4", "1.2.3.4 ", "1.2.3.-4", "localhost"])(
    "%j is no address",
    (text) => {
      expect(tryParseAddress(text)).toBeUndefined();
      expect(() => parseAddress(text)).toThrow(`parsing an address: ${JSON.stringify(text)} is none; write IPv4 as`);
    },
  );

  test.each([":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "12345::", "g::"])(
    "%j is no address",
    (text) => expect(tryParseAddress(text)).toBeUndefined(),
  );

  test("zones and quads in the middle are refused", () => {
    expect(tryParseAddress("fe80::1%eth0")).toBeUndefined();
    expect(tryParseAddress("1.2.3.4::")).toBeUndefined();
    expect(tryParseAddress("::1.2.3.4:1")).toBeUndefined();
  });

  test("what is formatted parses to the same bytes, and is the shortest spelling Node agrees with", () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (bytes) => {
        const text = formatAddress(bytes);
        expect(isIP(text)).toBe(bytes.length === 4 ? 4 : 6);
        expect(parseAddress(text)).toEqual(bytes);
        if (bytes.length === 16 && !text.includes(".")) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
      }),
    );
  });

  test("Node and we agree on what is an address", () => {
    const character = fc.constantFrom(..."0123456789abcF:::...");
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 24 }), (text) => {
        expect(tryParseAddress(text) !== undefined).toBe(isIP(text) !== 0);
      }),
      { numRuns: 3000 },
    );
  });

  test("IPv4 as a number is big-endian", () => {
    expect(ipv4ToNumber("192.0.2.1")).toBe(0xc0000201);
    fc.assert(
      fc.property(v4, (bytes) => {
        expect(ipv4FromNumber(ipv4ToNumber(bytes))).toEqual(bytes);
      }),
    );
    expect(() => ipv4ToNumber("::1")).toThrow("::1 is IPv6");
    expect(() => ipv4FromNumber(2 ** 32)).toThrow("4294967296 is not from 0 to 4294967295");
    expect(() => formatAddress(new Uint8Array(5))).toThrow("5 bytes are none");
  });
});

describe("prefixes", () => {
  test("hold a network and its length", () => {
    expect(parsePrefix("198.51.100.0/24")).toEqual({ address: Uint8Array.of(198, 51, 100, 0), length: 24 });
    expect(formatPrefix(parsePrefix("2001:DB8::/32"))).toBe("2001:db8::/32");
    expect(formatPrefix(parsePrefix("192.0.2.1"))).toBe("192.0.2.1/32");
    expect(formatPrefix(parsePrefix("::1"))).toBe("::1/128");
    expect(prefixContains(parsePrefix("0.0.0.0/0"), "192.0.2.1")).toBe(true);
    expect(prefixContains(parsePrefix("0.0.0.0/0"), "::1")).toBe(false);
  });

  test.each(["198.51.100.0/33", "::/129", "198.51.100.0/", "198.51.100.0/024", "x/8", "1.2.3.0/24/24", ""])(
    "%j is no prefix",
    (text) => expect(() => parsePrefix(text)).toThrow(`parsing a prefix: ${JSON.stringify(text)} is none`),
  );

  test("bits behind the length are refused with the network that was meant", () => {
    expect(() => parsePrefix("198.51.100.7/24")).toThrow("did you mean 198.51.100.0/24?");
  });

  test("contain what Node's block list contains", () => {
    const near = fc.tuple(v6, fc.integer({ min: 0, max: 128 }), fc.integer({ min: 0, max: 127 }));
    fc.assert(
      fc.property(near, fc.boolean(), ([bytes, bits, flipped], isIpv4) => {
        const base = isIpv4 ? bytes.slice(0, 4) : bytes;
        const length = isIpv4 ? bits % 33 : bits;
        const other = base.map((byte, index) => (index === flipped >>> 3 ? byte ^ (1 << (flipped & 7)) : byte));
        const network = base.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, length - index * 8))));
        const family = isIpv4 ? "ipv4" : "ipv6";
        const list = new BlockList();
        if (length > 0) list.addSubnet(formatAddress(network), length, family);
        const expected = length === 0 || list.check(formatAddress(other), family);
        expect(prefixContains(parsePrefix(`${formatAddress(network)}/${length}`), other)).toBe(expected);
      }),
    );
  });
});

describe("MAC addresses", () => {
  test("have six bytes, with colons or hyphens", () => {
    expect(parseMac("02:00:00:aB:00:01")).toEqual(Uint8Array.of(2, 0, 0, 0xab, 0, 1));
    expect(formatMac("02-00-00-AB-00-01")).toBe("02:00:00:ab:00:01");
    expect(() => parseMac("02:00:00:ab:00")).toThrow('"02:00:00:ab:00" is none; write 02:00:00:00:00:01');
    expect(() => parseMac("02-00:00:ab:00:01")).toThrow("is none");
    expect(() => macBytes(new Uint8Array(4))).toThrow("4 bytes are none; give 6");
  });
});
