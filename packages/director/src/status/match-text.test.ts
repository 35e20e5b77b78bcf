// How matches read.
import { expect, test } from "vitest";
import { matchText } from "./match-text.ts";

const ports = [
  { first: 80, last: 80 },
  { first: 443, last: 443 },
] as const;

test("an address and port, prefixes with their ports, a mark", () => {
  const exact = { kind: "exact", port: 80 } as const;
  const wide = { kind: "wide", protocol: "udp" } as const;
  expect([
    matchText({ ...exact, address: "198.51.100.10", protocol: "tcp" }),
    matchText({ ...exact, address: "2001:db8::1", protocol: "udp" }),
    matchText({ ...wide, prefixes: ["10.0.0.0/8"], ports }),
    matchText({ ...wide, prefixes: ["192.0.2.1/32", "2001:db8::1/128", "2001:db8::/32"], ports: "any" }),
    matchText({ ...wide, prefixes: ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8", "14.0.0.0/8"], ports }),
    matchText({ kind: "mark", mark: 7, rules: [{ prefix: "10.0.0.0/8", ports: "any", protocols: ["tcp"] }] }),
  ]).toEqual([
    "tcp 198.51.100.10:80",
    "udp [2001:db8::1]:80",
    "10.0.0.0/8 udp/80,443",
    "192.0.2.1, 2001:db8::1, 2001:db8::/32 udp/any",
    "10.0.0.0/8, 11.0.0.0/8, 12.0.0.0/8 and 2 more udp/80,443",
    "mark 7",
  ]);
});
