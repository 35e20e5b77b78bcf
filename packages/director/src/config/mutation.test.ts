// Whatever is done to a good file, reading it either works or throws a ConfigurationError with sensible places.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plan } from "../plan/plan.ts";
import { ConfigurationError } from "./fault.ts";
import { parseConfiguration } from "./parse-configuration.ts";

const good = `director:
  interfaces: [eth0]
  hook: auto
  timeouts: { tcp: 15m, tcpFin: 2m, udp: 5m, lblcr: 1h }
  dropPackets: { oneOf: 10 }
  sloppyTcp: false
  localAddresses: [10.0.0.2, 10.0.1.0-10.0.1.3, "2001:db8:2::/126"]
  mssClamp: auto
  pingVip: true
  marks:
    - { mark: 7, address: 10.0.0.0/8, port: [80, 8000-8999], protocol: tcp }
api: { group: ops, listen: "127.0.0.1:9400", tokenFile: /etc/yardmaster/tokens }
services:
  web: &web
    address: 198.51.100.10
    port: 80
    protocol: tcp
    scheduler: wlc
    forwarding: dr
    persistence: { timeout: 5m, netmask: 255.255.255.0 }
    caps: { newPerSecond: 100 }
    check: { http: { path: /health, status: [200, 300-399], headers: { X-A: b } }, port: 80, interval: 1s }
    sorryServer: { address: 10.0.0.99 }
    onDown: cut
    servers:
      - { address: 10.0.0.11, weight: 2, upperThreshold: 10, lowerThreshold: 8 }
      - &b { address: 10.0.0.12, weight: 1, checks: [{ tcp: {}, port: 80 }, { command: [/bin/true] }] }
  alt:
    <<: *web
    port: [81, 9000-9999]
  six:
    addresses: ["2001:db8::1", "2001:db8:1::/48"]
    port: any
    protocol: udp
    onePacket: true
    forwarding: nat
    check: { dns: { name: example.org }, port: 53, via: direct }
    servers: [{ address: "2001:db8::11" }]
  far:
    address: 198.51.100.11
    port: 80
    forwarding: fullnat
    clientAddress: none
    localAddresses: [10.0.2.0/29]
    servers: [{ address: 10.7.0.1, port: 8080, clientAddress: none }, { address: 10.7.0.2, forwarding: nat }]
  wrapped:
    address: 198.51.100.12
    port: 80
    forwarding: tun
    encapsulation: { gue: { port: 6081, checksum: true } }
    servers: [{ address: "fd00::11", encapsulation: { gre: {} } }, { address: 10.7.0.3, encapsulation: ipip }]
  marked: { mark: 7, scheduler: mh, schedulerOptions: [mh-port], tableSize: 4093, forwarding: dr, servers: [*b] }
`;

const snippets = fc.constantFrom(
  ...[
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "&a ",
    "*a",
    "*web",
    "<<: ",
    "? ",
    "! ",
    "|\n",
    ">",
    "'",
    '"',
    "#",
    "\t",
    "\n",
    "---\n",
    "...",
  ],
  ...[
    "%YAML 1.1\n",
    "!!binary ",
    "!!set ",
    "~",
    "null",
    "true",
    "0x50",
    "1e999",
    ".nan",
    "-1",
    "70000",
    "99999999999999999999",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString: ",
    "\u0000",
    "\ud800",
    "\u001b[0m",
    "\ufeff",
    "\u2028",
    "\r",
    "2001:db8::1",
    "/0",
    "any",
    "0-70000",
    "10.0.0.9-10.0.0.5",
    "{ gue: { port: 1 } }",
    "encapsulation: gre",
    "forwarding: tun",
    "localAddresses: []",
  ],
);

const edit = fc.record({
  at: fc.nat(good.length),
  removed: fc.nat(12),
  added: fc.oneof(snippets, fc.string({ maxLength: 8 }), fc.constant("")),
});

function apply(text: string, edits: readonly { at: number; removed: number; added: string }[]): string {
  return edits.reduce((now, { at, removed, added }) => now.slice(0, at) + added + now.slice(at + removed), text);
}

function expectSensible(text: string): void {
  try {
    const { configuration } = parseConfiguration(text, "y.yaml");
    // What is read can be planned.
    expect(plan(configuration, []).services).toHaveLength(configuration.services.length);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    const { faults } = error as ConfigurationError;
    expect(faults.some((fault) => fault.severity === "error")).toBe(true);
    const lines = text.split("\n").length;
    for (const fault of faults) {
      expect(fault.line).toBeGreaterThanOrEqual(1);
      expect(fault.line).toBeLessThanOrEqual(lines);
      expect(fault.column).toBeGreaterThanOrEqual(1);
      expect(fault.message).not.toMatch(/undefined|\[object|\p{Cc}/u);
    }
  }
}

describe("a configuration that was changed at random", () => {
  it("was good before", () => {
    expect(parseConfiguration(good, "y.yaml").warnings).toEqual([]);
  });

  it("is good or has faults, and nothing else happens", () => {
    const edits = fc.array(edit, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(edits, (changes) => expectSensible(apply(good, changes))),
      { numRuns: 2000 },
    );
  });

  it("and so is any text at all", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), expectSensible), { numRuns: 1000 });
  });

  it("and so are values of any kind in any place", () => {
    const value = fc.json({ maxDepth: 3 });
    const lines = good.split("\n");
    const replace = fc
      .tuple(fc.nat(lines.length - 1), value)
      .map(([index, json]) =>
        lines
          .map((line, at) => (at === index ? line.replace(/(: ).*/, `$1${json.replaceAll("$", "")}`) : line))
          .join("\n"),
      );
    fc.assert(fc.property(replace, expectSensible), { numRuns: 1000 });
  });
});
