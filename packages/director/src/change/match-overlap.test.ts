// Which services' packets have any in common.
import { expect, test } from "vitest";
import type { ServiceMatch } from "../model/virtual-service.ts";
import { isOverlapping } from "./match-overlap.ts";

const exact = (address: string, port = 80): ServiceMatch => ({ kind: "exact", address, port, protocol: "tcp" });
const wide = (prefix: string, first: number, last: number): ServiceMatch => ({
  ...{ kind: "wide", prefixes: [prefix], ports: [{ first, last }], protocol: "tcp" },
});
const marked = (prefix: string): ServiceMatch => ({
  kind: "mark",
  mark: 1,
  rules: [{ prefix, ports: "any", protocols: ["udp", "tcp"] }],
});

test.each([
  [exact("10.0.0.1"), exact("10.0.0.1"), true],
  [exact("10.0.0.1"), exact("10.0.0.1", 81), false],
  [exact("10.0.0.1"), { ...exact("10.0.0.1"), protocol: "udp" } as ServiceMatch, false],
  [exact("10.0.0.1"), wide("10.0.0.0/24", 79, 81), true],
  [exact("10.0.1.1"), wide("10.0.0.0/23", 80, 80), true],
  [exact("10.0.2.1"), wide("10.0.0.0/23", 80, 80), false],
  [exact("10.0.0.1"), wide("0.0.0.0/0", 81, 99), false],
  [exact("2001:db8::1"), wide("0.0.0.0/0", 1, 99), false],
  [exact("2001:db8::1"), wide("2001:db8::/61", 1, 99), true],
  [wide("10.0.0.0/8", 1, 50), marked("10.1.0.0/16"), true],
])("%o and %o: %s", (one, other, overlap) => {
  expect([isOverlapping(one, other), isOverlapping(other, one)]).toEqual([overlap, overlap]);
});
