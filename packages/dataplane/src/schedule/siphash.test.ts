// SipHash as tables are built with it, against the values of the shared behaviour reference §3.

import { expect, test } from "vitest";
import { sipHash } from "./siphash.ts";

const KEY = 2_654_435_761n;

test.each([
  ["192.0.2.7", 0xc000_0207, 0x30d1_dd25],
  ["10.1.1.7", 0x0a01_0107, 0x90ef_a612],
  ["10.1.1.7 + port 40001", 0x0a01_0107 + 40_001, 0x47c2_683e],
  ["2001:db8::1, folded", 0x2001_0db9, 0xcdc3_f189],
  ["fd00:9::7 + port 53000, folded", 0xfd00_000e + 53_000, 0x9546_bdb6],
])("the hash of %s", (_what, value, hash) => {
  expect(sipHash(value, KEY)).toBe(hash);
});
