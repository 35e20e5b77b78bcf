// Which packets the mark rules of scenarios mark.
import { ethernet, frame, ipv4, ipv6, parseFrame, tcp, udp } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { markOf, parseMarkRule } from "./mark-rules.ts";

const macs = { source: "02:00:00:01:00:02", destination: "02:00:00:01:00:01" };
const ports = { sourcePort: 4000, destinationPort: 80 };
const ip4 = (destination: string, source = "10.1.1.7") => ipv4({ source, destination });
const tcp4 = (destination: string) => parseFrame(frame(ethernet(macs), ip4(destination), tcp(ports)));
const udp4 = (destination: string) => parseFrame(frame(ethernet(macs), ip4(destination), udp(ports)));
const tcp6 = (destination: string) =>
  parseFrame(frame(ethernet(macs), ipv6({ source: "fd00:9::7", destination }), tcp(ports)));
const rules = (...texts: readonly string[]) => texts.map(parseMarkRule);

describe("a rule marks", () => {
  test("a destination network", () => {
    const marked = rules("ip daddr 10.4.0.0/16 meta mark set 1");
    expect(markOf(marked, tcp4("10.4.200.3"))).toBe(1);
    expect(markOf(marked, tcp4("10.5.0.3"))).toBe(0);
    expect(markOf(marked, tcp6("fd00::1"))).toBe(0);
  });

  test("an IPv6 network", () => {
    const marked = rules("ip6 daddr 2001:db8::/32 meta mark set 0x10");
    expect(markOf(marked, tcp6("2001:db8:1::9"))).toBe(16);
    expect(markOf(marked, tcp4("10.4.0.1"))).toBe(0);
  });

  test("a source", () => {
    expect(markOf(rules("ip saddr 10.1.1.7 meta mark set 2"), tcp4("10.4.0.1"))).toBe(2);
    expect(markOf(rules("ip saddr 10.1.1.8 meta mark set 2"), tcp4("10.4.0.1"))).toBe(0);
  });

  test("ports of one protocol: single, ranges, sets", () => {
    for (const value of ["80", "79-81", "{ 80, 443 }", "{443,80-90}"]) {
      expect(markOf(rules(`tcp dport ${value} meta mark set 3`), tcp4("10.4.0.1"))).toBe(3);
      expect(markOf(rules(`tcp dport ${value} meta mark set 3`), udp4("10.4.0.1"))).toBe(0);
    }
    expect(markOf(rules("tcp dport 81-90 meta mark set 3"), tcp4("10.4.0.1"))).toBe(0);
    expect(markOf(rules("udp sport 4000 meta mark set 3"), udp4("10.4.0.1"))).toBe(3);
  });

  test("only what fulfils all its matches", () => {
    const marked = rules("ip daddr 10.4.0.0/16 meta l4proto udp udp dport 80 meta mark set 1");
    expect(markOf(marked, udp4("10.4.0.1"))).toBe(1);
    expect(markOf(marked, tcp4("10.4.0.1"))).toBe(0);
    expect(markOf(marked, udp4("10.5.0.1"))).toBe(0);
  });
});

test("the last rule that matches counts", () => {
  const marked = rules("ip daddr 10.4.0.0/16 meta mark set 1", "tcp dport 80 meta mark set 2");
  expect(markOf(marked, tcp4("10.4.0.1"))).toBe(2);
  expect(markOf(marked, udp4("10.4.0.1"))).toBe(1);
});

test.each([
  "ip daddr 10.4.0.0/16",
  "ip daddr 10.4.0.0/16 meta mark set 0",
  "ip daddr != 10.4.0.0/16 meta mark set 1",
  "iifname c1 meta mark set 1",
  "meta l4proto icmp meta mark set 1",
  "ip6 daddr 10.4.0.0/16 meta mark set 1",
  "tcp dport 90-80 meta mark set 1",
  "tcp dport http meta mark set 1",
])("an unknown form is refused: %s", (text) => {
  expect(() => parseMarkRule(text)).toThrow(/mark rule/);
});
