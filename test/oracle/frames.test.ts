// The packets that scenarios send, and what is read off those that leave.
import {
  checksumProblems,
  describeFrame,
  ethernet,
  frame,
  icmp4,
  icmp6,
  ipv4,
  ipv6,
  tcp,
  udp,
} from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { clientDatagram, clientSegment, type Flow, messageOf, serverOf, serverSegment } from "./frames.ts";
import { clientRouter, links, serverMac, type Side } from "./topology.ts";

const flow: Flow = { source: "10.1.1.7", sourcePort: 4000, destination: "10.3.0.1", destinationPort: 80 };
const flow6: Flow = { ...flow, source: "fd00:9::7", destination: "fd00:3::1" };

describe("packets of scenarios are whole", () => {
  test.each([
    ["datagram", clientDatagram(flow)],
    ["IPv6 datagram", clientDatagram(flow6)],
    ["SYN", clientSegment(flow, "syn")],
    ["IPv6 data", clientSegment(flow6, "data")],
    ["answer", serverSegment(flow, "10.2.0.11:8080", "synack")],
    ["IPv6 answer", serverSegment(flow6, "[fd00:2::b]:8080", "fin")],
  ])("%s", (_what, { frame: bytes }) => {
    expect(checksumProblems(bytes)).toEqual([]);
  });

  test("with the addresses of those who send them", () => {
    const [request, answer] = [clientSegment(flow, "data"), serverSegment(flow, "10.2.0.11:8080", "ack")];
    expect([request.side, answer.side]).toEqual(["c", "s"]);
    expect(describeFrame(request.frame)).toContain("02:00:00:01:00:02 > 02:00:00:01:00:01");
    expect(describeFrame(request.frame)).toContain("contents 10 bytes");
    expect(describeFrame(answer.frame)).toContain("02:00:00:02:01:0b > 02:00:00:02:00:01");
    expect(describeFrame(answer.frame)).toContain("ipv4 10.2.0.11 > 10.1.1.7");
    expect(describeFrame(answer.frame)).toContain("tcp 8080 > 4000 [A]");
  });
});

describe("who was chosen", () => {
  const sent = (side: Side, destination: string, number: number) => {
    const macs = ethernet({ source: links[side].mac, destination: serverMac(number) });
    const ip = destination.includes(":") ? ipv6 : ipv4;
    return {
      side,
      frame: frame(macs, ip({ source: flow.source, destination }), tcp({ sourcePort: 1, destinationPort: 8080 })),
    };
  };
  const nameOf = (address: string) => (address === "10.2.0.13" ? "10.2.0.13:80" : undefined);

  test("is the destination in NAT", () => {
    expect(serverOf(sent("s", "10.2.0.11", 11), "nat", nameOf)).toBe("10.2.0.11:8080");
  });

  test("is the MAC address's owner in direct routing, by its configured name", () => {
    expect(serverOf(sent("s", "10.3.0.1", 13), "dr", nameOf)).toBe("10.2.0.13:80");
    expect(serverOf(sent("s", "10.3.0.1", 14), "dr", nameOf)).toBe("10.2.0.14");
  });

  test("is nobody that there is when the MAC address is none of the servers'", () => {
    const macs = ethernet({ source: links.s.mac, destination: clientRouter.mac });
    const lost = {
      side: "s" as const,
      frame: frame(
        macs,
        ipv4({ source: "10.1.1.7", destination: "10.3.0.1" }),
        udp({ sourcePort: 1, destinationPort: 2 }),
      ),
    };
    expect(serverOf(lost, "dr", nameOf)).toBe("the MAC address 02:00:00:01:00:02");
  });

  test("is nobody when the packet leaves on the client's side", () => {
    expect(serverOf(sent("c", "10.2.0.11", 11), "nat", nameOf)).toBeUndefined();
  });
});

describe("what the client is told", () => {
  const macs = ethernet({ source: links.c.mac, destination: clientRouter.mac });
  const ends = { source: "10.3.0.1", destination: "10.1.1.7" };
  const ends6 = { source: "fd00:3::1", destination: "fd00:9::7" };
  const ports = { sourcePort: 80, destinationPort: 4000 };

  test.each([
    ["tcp-RA", frame(macs, ipv4(ends), tcp({ ...ports, flags: "AR" }))],
    ["icmp-3-3", frame(macs, ipv4(ends), icmp4({ type: 3, code: 3 }), ipv4(ends), tcp(ports))],
    ["icmp6-1-4", frame(macs, ipv6(ends6), icmp6({ type: 1, code: 4 }), ipv6(ends6), udp(ports))],
    ["udp", frame(macs, ipv4(ends), udp(ports))],
  ])("%s", (message, bytes) => {
    expect(messageOf({ side: "c", frame: bytes })).toBe(message);
    expect(messageOf({ side: "s", frame: bytes })).toBeUndefined();
  });
});
