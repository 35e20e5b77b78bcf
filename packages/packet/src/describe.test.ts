// What people read: one line a layer, and the differences between two frames.
import { describe, expect, test } from "vitest";
import { arp } from "./arp.ts";
import { frame } from "./build.ts";
import { describeFrame, diffFrames } from "./describe.ts";
import { ethernet } from "./ethernet.ts";
import { fragmentFrame } from "./fragment.ts";
import { icmp4, icmp6 } from "./icmp.ts";
import { ipv4 } from "./ipv4.ts";
import { ipv6, ipv6Extension } from "./ipv6.ts";
import { parsePacket } from "./parse.ts";
import { maximumSegmentSize, tcp } from "./tcp.ts";
import { gre, gue, guePort } from "./tunnel.ts";
import { ports, udp } from "./udp.ts";

const link = ethernet({ source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02", vlan: [5] });
const v4 = { source: "10.0.0.1", destination: "10.0.0.2" };
const v6 = { source: "fd00::1", destination: "fd00::2" };
const flow = { sourcePort: 40000, destinationPort: 80 };

describe("describing", () => {
  test("TCP over IPv4 in a VLAN", () => {
    const options = [maximumSegmentSize(1460)];
    const bytes = frame(link, ipv4({ ...v4, dontFragment: true }), tcp({ ...flow, flags: "SA", options }), "hello");
    expect(describeFrame(bytes)).toMatchInlineSnapshot(`
      "ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5, ipv4
      ipv4 10.0.0.1 > 10.0.0.2, tcp, ttl 64, length 49, id 0, don't fragment
      tcp 40000 > 80 [SA], seq 0, ack 0, window 65535, options 2:05b4
      contents 5 bytes: 68656c6c6f"
    `);
  });

  test("an error's quote is indented", () => {
    const quote = [ipv4({ ...v4, protocol: 6, totalLength: 40 }), ports(flow)];
    const bytes = frame(ipv4({ ...v4, ttl: 3 }), icmp4({ type: 3, code: 4, mtu: 1400 }), ...quote);
    expect(describeFrame(parsePacket(bytes))).toMatchInlineSnapshot(`
      "ipv4 10.0.0.1 > 10.0.0.2, icmp4, ttl 3, length 52, id 0
      icmp4 destination unreachable, code 4, mtu 1400
        ipv4 10.0.0.1 > 10.0.0.2, tcp, ttl 64, length 40, id 0
        ports 40000 > 80 (the rest is cut off)"
    `);
  });

  test("everything else", () => {
    const address = { senderMac: "02:00:00:00:00:01", senderAddress: "10.0.0.1", targetAddress: "10.0.0.2" };
    const tunnelled = [ipv4(v4), udp(flow)];
    const frames = [
      frame(link, arp(address)),
      frame(
        link,
        ipv6({ ...v6, extensions: [ipv6Extension("hopByHop")] }),
        icmp6({ type: 128, identifier: 7, sequence: 1 }),
      ),
      frame(link, ipv4(v4), gre({ key: 9 }), ...tunnelled),
      frame(link, ipv4(v4), udp({ sourcePort: 1, destinationPort: guePort }), gue(), ...tunnelled),
      fragmentFrame(frame(link, ipv6(v6), udp(flow), new Uint8Array(100)), 96)[1] ?? new Uint8Array(),
      frame(ethernet({ source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02", type: 0x88cc }), "x").subarray(
        0,
        14,
      ),
      frame(link, ipv4(v4), udp(flow)).subarray(0, 40),
    ];
    expect(frames.map(describeFrame).join("\n\n")).toMatchInlineSnapshot(`
      "ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5, arp
      arp request, 10.0.0.1 (02:00:00:00:00:01) > 10.0.0.2 (00:00:00:00:00:00)

      ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5, ipv6
      ipv6 fd00::1 > fd00::2, icmp6, hop limit 64, length 16, extension 0
      icmp6 echo request, code 0, id 7, sequence 1

      ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5, ipv4
      ipv4 10.0.0.1 > 10.0.0.2, gre, ttl 64, length 56, id 0
      gre ipv4, key 9
      ipv4 10.0.0.1 > 10.0.0.2, udp, ttl 64, length 28, id 0
      udp 40000 > 80, length 8

      ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5, ipv4
      ipv4 10.0.0.1 > 10.0.0.2, udp, ttl 64, length 60, id 0
      udp 1 > 6080, length 40
      gue ipv4
      ipv4 10.0.0.1 > 10.0.0.2, udp, ttl 64, length 28, id 0
      udp 40000 > 80, length 8

      ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5, ipv6
      ipv6 fd00::1 > fd00::2, udp, hop limit 64, length 56, extension 44, fragment at 48 and more
      contents 48 bytes: 0000000000000000000000000000000000000000000000000000000000000000…

      ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, 0x88cc

      ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, vlan 5, ipv4
      ipv4 10.0.0.1 > 10.0.0.2, udp, ttl 64, length 28, id 0
      contents 2 bytes: 9c40
      problem: ipv4: truncated: length 28, 22 bytes there
      problem: parsing udp at byte 38: 8 bytes needed, 2 there"
    `);
  });
});

describe("differences", () => {
  const parts = (port: number) => [ipv4(v4), tcp({ ...flow, destinationPort: port, flags: "S" })];

  test("name the field of the header", () => {
    expect(diffFrames(frame(link, ...parts(80)), frame(link, ...parts(80)))).toBe("");
    expect(diffFrames(frame(link, ...parts(80), "ab"), frame(link, ...parts(8080), "ac"))).toMatchInlineSnapshot(`
      "tcp.destinationPort: expected 80, got 8080
      tcp.checksum: expected 0x9deb, got 0x7eaa
      contents: 2 bytes expected, 2 got; from byte 1: expected 62, got 63"
    `);
  });

  test("show headers of another kind, missing ones and extra ones", () => {
    const [want, got] = [frame(link, ipv4(v4), udp(flow)), frame(link, ipv4({ ...v4, ttl: 63 }), gre(), ...parts(80))];
    expect(diffFrames(want, got)).toMatchInlineSnapshot(`
      "ipv4.totalLength: expected 28, got 64
      ipv4.ttl: expected 64, got 63
      ipv4.protocol: expected 17, got 47
      ipv4.checksum: expected 0x66cf, got 0x678d
      expected udp 40000 > 80, length 8
           got gre ipv4
      unexpected ipv4 10.0.0.1 > 10.0.0.2, tcp, ttl 64, length 40, id 0
      unexpected tcp 40000 > 80 [S], seq 0, ack 0, window 65535"
    `);
    expect(diffFrames(got, want)).toContain("missing tcp 40000 > 80 [S]");
  });
});
