// What the director's own stack answers, byte for byte where that was recorded from Linux.
import {
  describeFrame,
  ethernet,
  frame,
  type FramePart,
  fromHex,
  icmp4,
  ipv4,
  ipv6,
  layersOf,
  parseFrame,
  tcp,
  toHex,
  udp,
} from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { messageOf } from "./frames.ts";
import { type Host, stackAnswers } from "./local-stack.ts";
import { links, clientRouter, type Side } from "./topology.ts";

const host: Host = {
  claimOn: (address) => (address === "10.3.0.9" ? "own" : address === "10.4.0.1" ? "marked" : "none"),
  mtuOf: () => 1500,
};
const fromClient = { source: clientRouter.mac, destination: links.c.mac };
const ends = { source: "10.1.1.7", destination: "10.3.0.1" };
const ports = { sourcePort: 40000, destinationPort: 80 };

const answers = (bytes: Uint8Array, side: Side = "c", on: Host = host) => stackAnswers({ side, frame: bytes }, on);
const toDirector = (...parts: readonly FramePart[]) => frame(ethernet(fromClient), ...parts);
const messages = (bytes: Uint8Array) => answers(bytes).map(messageOf);

describe("a closed TCP port", () => {
  test("resets a SYN as recorded", () => {
    const recorded = [
      "020000010001020000010002080045100028123440003d0616810a0101070a0300019c42005100000005000000005002fffffe3e0000",
      "02000001000202000001000108004510002800004000400625b50a0300010a01010700519c42000000000000000650140000fe2b0000",
    ].map(fromHex);
    const [sent, wanted] = recorded as [Uint8Array, Uint8Array];
    expect(answers(sent)).toEqual([{ side: "c", frame: wanted }]);
  });

  test.each([
    ["A", "tcp-R"],
    ["FA", "tcp-R"],
    ["S", "tcp-RA"],
    ["F", "tcp-RA"],
    ["SA", "tcp-R"],
  ])("answers %s with %s", (flags, message) => {
    expect(messages(toDirector(ipv4(ends), tcp({ ...ports, flags })))).toEqual([message]);
  });

  test("keeps still at a reset", () => {
    expect(messages(toDirector(ipv4(ends), tcp({ ...ports, flags: "RA" })))).toEqual([]);
  });

  test("acknowledges all that the segment holds", () => {
    const sent = toDirector(ipv4(ends), tcp({ ...ports, flags: "SF", sequence: 0xffff_ffff }), "abc");
    const [reset] = answers(sent);
    const [header] = layersOf(parseFrame(reset?.frame ?? sent), "tcp");
    expect(header).toMatchObject({ acknowledgment: 4, sequence: 0, window: 0, sourcePort: 80, flags: "RA" });
  });

  test("answers over IPv6", () => {
    const addresses = { source: "fd00:9::7", destination: "fd00:3::1", trafficClass: 0x10 };
    const [reset] = answers(toDirector(ipv6(addresses), tcp({ ...ports, flags: "S" })));
    expect(describeFrame(reset?.frame ?? new Uint8Array())).toContain("fd00:3::1 > fd00:9::7, tcp, hop limit 64");
  });
});

describe("a closed UDP port", () => {
  test("is unreachable, as recorded", () => {
    const sent = "02000001000102000001000208004500002100004000401125c10a0101070a030001bb800035000deb4068656c6c6f";
    const [answer] = answers(fromHex(sent));
    expect(answer?.side).toBe("c");
    // The recorded identification was 5bd4, and the header checksum 0921 instead of 64f5 because of it.
    const header = "020000010002020000010001080045c0003d00000000400164f50a0300010a010107";
    expect(toHex(answer?.frame ?? new Uint8Array())).toBe(`${header}0303122700000000${sent.slice(28)}`);
  });

  test("quotes 548 bytes at most, 1232 over IPv6", () => {
    const [ipv4Answer] = answers(toDirector(ipv4(ends), udp(ports), new Uint8Array(1000)));
    expect(ipv4Answer?.frame.length).toBe(14 + 576);
    const addresses = { source: "fd00:9::7", destination: "fd00:3::1" };
    const [ipv6Answer] = answers(toDirector(ipv6(addresses), udp(ports), new Uint8Array(1400)));
    expect(ipv6Answer?.frame.length).toBe(14 + 1280);
    expect(ipv6Answer && messageOf(ipv6Answer)).toBe("icmp6-1-4");
  });
});

describe("the host keeps still", () => {
  test.each([
    ["at ICMP errors", toDirector(ipv4(ends), icmp4({ type: 3, code: 3 }), ipv4(ends), udp(ports))],
    ["at what no checksum covers rightly", toDirector(ipv4(ends), tcp({ ...ports, flags: "S", checksum: 1 }))],
    ["at a lone fragment", toDirector(ipv4({ ...ends, moreFragments: true }), udp(ports), new Uint8Array(8))],
    ["at protocols it does not know", toDirector(ipv4({ ...ends, protocol: 132 }), new Uint8Array(20))],
    ["at frames for others", frame(ethernet({ ...fromClient, destination: clientRouter.mac }), ipv4(ends), udp(ports))],
  ])("%s", (_what, sent) => {
    expect(answers(sent)).toEqual([]);
  });
});

test("an echo comes back with its contents", () => {
  const echo = toDirector(ipv4(ends), icmp4({ type: 8, identifier: 1, sequence: 2 }), "ping");
  const [answer] = answers(echo);
  const wanted = frame(
    ethernet({ source: links.c.mac, destination: clientRouter.mac }),
    ipv4({ source: ends.destination, destination: ends.source }),
    icmp4({ type: 0, identifier: 1, sequence: 2 }),
    "ping",
  );
  expect(answer?.frame).toEqual(wanted);
});

describe("what is for others is forwarded", () => {
  const back = { source: "10.2.0.11", destination: "10.1.1.7" };
  const fromServer = { source: "02:00:00:02:00:fe", destination: links.s.mac };

  test("as recorded: one hop less, the way's MAC addresses", () => {
    const recorded = [
      "0200000200010200000200fe08004500002800004000400625bc0a02000b0a0101071f90afc800000001000000015010ffffcb650000",
      "020000010002020000010001080045000028000040003f0626bc0a02000b0a0101071f90afc800000001000000015010ffffcb650000",
    ].map(fromHex);
    const [sent, wanted] = recorded as [Uint8Array, Uint8Array];
    expect(answers(sent, "s")).toEqual([{ side: "c", frame: wanted }]);
  });

  test("unless it is local: a service's address, or one that only a mark brings in and nothing is sent from", () => {
    const to = (destination: string) => messages(toDirector(ipv4({ ...ends, destination }), udp(ports)));
    expect([to("10.3.0.9"), to("10.4.0.1"), to("10.4.0.2")]).toEqual([["icmp-3-3"], [], ["udp"]]);
  });

  test("no further than its hop limit", () => {
    const sent = frame(ethernet(fromServer), ipv4({ ...back, ttl: 1 }), udp(ports));
    const [answer] = answers(sent, "s");
    expect(answer?.side).toBe("s");
    expect(describeFrame(answer?.frame ?? sent)).toContain("icmp4 time exceeded, code 0");
  });

  test("in pieces, or not at all, when it is too big", () => {
    const narrow = { ...host, mtuOf: () => 1400 };
    const sized = (dontFragment: boolean) =>
      frame(
        ethernet(fromClient),
        ipv4({ ...back, ...ends, destination: "10.2.0.11", dontFragment }),
        udp(ports),
        bytes,
      );
    const bytes = new Uint8Array(1472);
    expect(answers(sized(false), "c", narrow).map(({ side, frame: { length } }) => [side, length])).toEqual([
      ["s", 1410],
      ["s", 138],
    ]);
    expect(answers(sized(true), "c", narrow).map(messageOf)).toEqual(["icmp-3-4"]);
  });
});
