// Building frames: what follows by itself, what can be overridden, and what is refused.
import { describe, expect, test } from "vitest";
import { arp } from "./arp.ts";
import { frame, padFrame } from "./build.ts";
import { fromHex, toHex } from "./bytes.ts";
import { ethernet } from "./ethernet.ts";
import { fragmentFrame } from "./fragment.ts";
import { icmp4, icmp6 } from "./icmp.ts";
import { ipv4, recordRoute, routerAlert } from "./ipv4.ts";
import { ipv6, ipv6Extension, ipv6Fragment, ipv6FragmentOf } from "./ipv6.ts";
import { headerOption, noOperation } from "./options.ts";
import { layerOf, layersOf, parseFrame, parsePacket } from "./parse.ts";
import { clientAddress, maximumSegmentSize, sackPermitted, tcp, timestamps, windowScale } from "./tcp.ts";
import { gre, gue, guePort } from "./tunnel.ts";
import { ports, udp } from "./udp.ts";
import { checksumProblems, packetChecksumProblems } from "./verify.ts";

const macs = { source: "02:00:00:01:00:02", destination: "02:00:00:01:00:01" };
const v4 = { source: "10.1.1.7", destination: "10.3.0.1" };
const v6 = { source: "fd00:9::7", destination: "fd00:3::1" };
const flow = { sourcePort: 40001, destinationPort: 80 };

describe("frames equal to those that a kernel sent", () => {
  test("TCP SYN with options", () => {
    const options = [maximumSegmentSize(1460), noOperation, noOperation, sackPermitted];
    const ip = ipv4({ ...v4, typeOfService: 0x10, identification: 0x1234, dontFragment: true, ttl: 61 });
    expect(toHex(frame(ethernet(macs), ip, tcp({ ...flow, sequence: 1000, flags: "S", options })))).toBe(
      "020000010001020000010002080045100030123440003d0616790a0101070a0300019c410050000003e8000000007002ffffcd9a0000" +
        "020405b401010402",
    );
  });

  test("UDP over IPv6", () => {
    const parts = [ipv6({ ...v6, hopLimit: 60 }), udp({ sourcePort: 40003, destinationPort: 53 }), "hello"];
    expect(toHex(frame(ethernet(macs), ...parts))).toBe(
      "02000001000102000001000286dd60000000000d113cfd000009000000000000000000000007fd000003000000000000000000000001" +
        "9c430035000d257468656c6c6f",
    );
  });

  test("an ICMP error that quotes a datagram's headers", () => {
    const quoted = [
      ipv4({ source: "10.3.0.1", destination: "10.1.1.7", ttl: 50, dontFragment: true, totalLength: 34 }),
      udp({ sourcePort: 53, destinationPort: 41000, length: 14, checksum: 0xfc6b }),
    ];
    const ip = ipv4({ source: "192.0.2.1", destination: "10.3.0.1", ttl: 60 });
    expect(toHex(frame(ethernet(macs), ip, icmp4({ type: 3, code: 4, mtu: 1300 }), ...quoted))).toBe(
      "020000010001020000010002080045000038000000003c01b2c0c00002010a03000103045b1000000514" +
        "4500002200004000321133c00a0300010a0101070035a028000efc6b",
    );
  });
});

describe("building", () => {
  test("VLAN tags: the outer ones are 802.1ad, the last 802.1Q", () => {
    const bytes = frame(
      ethernet({ ...macs, vlan: [7, { id: 5, priority: 3, dropEligible: true }] }),
      ipv4(v4),
      udp(flow),
    );
    expect(toHex(bytes.subarray(12, 22))).toBe("88a8000781007005" + "0800");
    expect(layerOf(parseFrame(bytes), "ethernet")?.vlan).toEqual([
      { type: 0x88a8, id: 7, priority: 0, dropEligible: false },
      { type: 0x8100, id: 5, priority: 3, dropEligible: true },
    ]);
  });

  test("fields that a test makes wrong stay wrong, and are found", () => {
    const ip = ipv4({ ...v4, checksum: 0xbad, totalLength: 60 });
    const bytes = frame(ethernet(macs), ip, tcp({ ...flow, checksum: 0xbeef, flags: "AS" }), "hello");
    expect(layerOf(parseFrame(bytes), "tcp")).toMatchObject({ flags: "SA", checksum: 0xbeef });
    expect(checksumProblems(bytes).map(({ message }) => message)).toEqual([
      "ipv4: truncated: length 60, 45 bytes there",
      "ipv4: checksum 0x0bad, 0x65b1 would be right",
      "tcp: checksum 0xbeef, 0xba5e would be right",
    ]);
  });

  test("options, known and unknown", () => {
    const tcpOptions = [sackPermitted, timestamps(1, 2), windowScale(7), clientAddress("203.0.113.7", 4242)];
    const bytes = frame(
      ethernet(macs),
      ipv4({ ...v4, options: [routerAlert, recordRoute(1)] }),
      tcp({ ...flow, options: tcpOptions }),
    );
    const parsed = parseFrame(bytes);
    expect(layerOf(parsed, "ipv4")).toMatchObject({
      headerLength: 32,
      options: [routerAlert, recordRoute(1)],
    });
    expect(layerOf(parsed, "tcp")).toMatchObject({ headerLength: 44, options: tcpOptions });
    expect(toHex(tcpOptions[3]?.data ?? new Uint8Array())).toBe("1092cb007107");
    expect(checksumProblems(bytes)).toEqual([]);
  });

  test("IPv6 extensions lead to the transport, whose checksum skips them", () => {
    const extensions = [
      ipv6Extension("hopByHop", Uint8Array.of(5, 2, 0, 0)),
      ipv6Extension("routing", Uint8Array.of(0, 0)),
      ipv6Fragment({ fragmentOffset: 0, moreFragments: false, identification: 9 }),
      { type: 51, data: fromHex("04 0000 00000001 00000001 000000000000000000000000") },
      ipv6Extension("destinationOptions"),
    ];
    const bytes = frame(
      ethernet(macs),
      ipv6({ ...v6, extensions }),
      icmp6({ type: 128, identifier: 1, sequence: 2 }),
      "x",
    );
    const parsed = parseFrame(bytes);
    const header = layerOf(parsed, "ipv6");
    expect(header).toMatchObject({
      nextHeader: 0,
      protocol: 58,
      headerLength: 40 + 8 + 8 + 8 + 24 + 8,
      extensions,
    });
    expect(header && ipv6FragmentOf(header)).toEqual({
      fragmentOffset: 0,
      moreFragments: false,
      identification: 9,
    });
    expect(layerOf(parsed, "icmp6")).toMatchObject({ identifier: 1, sequence: 2 });
    expect(checksumProblems(bytes)).toEqual([]);
  });

  test("tunnels are headers around headers", () => {
    const inner = [ipv4(v4), tcp({ ...flow, flags: "S" })];
    const outer = { source: "10.2.0.1", destination: "10.2.0.11" };
    const around = [
      [],
      [gre()],
      [gre({ checksum: "computed", key: 5, sequence: 6 })],
      [udp({ sourcePort: 50000, destinationPort: guePort }), gue({ fields: new Uint8Array(4), flags: 1 })],
    ];
    for (const tunnel of around) {
      const bytes = frame(ethernet(macs), ipv4(outer), ...tunnel, ...inner);
      expect(checksumProblems(bytes)).toEqual([]);
      expect(layersOf(parseFrame(bytes), "ipv4").map(({ source }) => source)).toEqual(["10.2.0.1", "10.1.1.7"]);
      expect(layerOf(parseFrame(bytes), "tcp")?.flags).toBe("S");
    }
  });

  test("UDP: no checksum when told so; a quote's ports alone", () => {
    const none = frame(ethernet(macs), ipv4(v4), udp({ ...flow, checksum: 0 }), "x");
    expect(checksumProblems(none)).toEqual([]);
    const none6 = frame(ethernet(macs), ipv6(v6), udp({ ...flow, checksum: 0 }), "x");
    expect(checksumProblems(none6)).toMatchObject([{ layer: "udp", message: "udp: no checksum, which IPv6 asks for" }]);
    const quote = [ipv4({ ...v4, protocol: 6, totalLength: 40 }), ports(flow)];
    const parsed = parsePacket(frame(ipv4(v4), icmp4({ type: 11 }), ...quote, "seq."));
    expect(parsed.layers.map(({ layer }) => layer)).toEqual(["ipv4", "icmp4", "ipv4", "ports"]);
    expect(parsed).toMatchObject({ ownLayers: 2, problems: [] });
  });

  test("ARP, padded", () => {
    const bytes = frame(
      ethernet(macs),
      arp({ senderMac: macs.source, senderAddress: "10.0.0.1", targetAddress: "10.0.0.2" }),
    );
    expect(padFrame(bytes)).toHaveLength(60);
    expect(padFrame(new Uint8Array(61))).toHaveLength(61);
    expect(layerOf(parseFrame(bytes), "arp")).toMatchObject({ operation: 1, targetMac: "00:00:00:00:00:00" });
    const reply = arp({
      operation: "reply",
      senderMac: macs.source,
      senderAddress: "10.0.0.1",
      targetAddress: "10.0.0.2",
    });
    expect(layerOf(parseFrame(frame(ethernet(macs), reply)), "arp")?.operation).toBe(2);
  });

  test.each([
    ["ethernet: payload inside it says no type", () => frame(ethernet(macs), "x")],
    ["ethernet: nothing inside it says no type", () => frame(ethernet(macs))],
    ["ipv4: payload inside it says no protocol", () => frame(ipv4(v4), "x")],
    ["tcp: its checksum covers addresses, but ethernet", () => frame(ethernet({ ...macs, type: 1 }), tcp(flow))],
    ["udp: its checksum covers addresses, but nothing", () => frame(udp(flow))],
    [
      "ipv4 ttl: 256 does not fit; give a whole number from 0 to 255",
      () => frame(ipv4({ ...v4, ttl: 256 }), udp(flow)),
    ],
    ["ipv4 fragmentOffset: 4 is no multiple of 8", () => frame(ipv4({ ...v4, fragmentOffset: 4 }), udp(flow))],
    ["ipv4: fd00:9::7 is IPv6; use ipv6()", () => ipv4(v6)],
    ["ipv6: 10.1.1.7 is IPv4; use ipv4()", () => ipv6(v4)],
    [
      "arp: fd00:9::7 is IPv6",
      () => frame(arp({ senderMac: macs.source, senderAddress: v6.source, targetAddress: "1.2.3.4" })),
    ],
    ['tcp flags: "SX" has letters other than FSRPAUEC', () => frame(ipv4(v4), tcp({ ...flow, flags: "SX" }))],
    [
      "tcp: 44 bytes of options; at most 40 fit",
      () => frame(ipv4(v4), tcp({ ...flow, options: [headerOption(9, new Uint8Array(40))] })),
    ],
    [
      "ipv6 fragment: offset 4 is no multiple of 8",
      () => ipv6Fragment({ fragmentOffset: 4, moreFragments: true, identification: 1 }),
    ],
  ])("refuses: building %s", (message, build) => {
    expect(build).toThrow(`building ${message}`);
  });

  test("bytes from hex", () => {
    expect(fromHex("02:00 ff")).toEqual(Uint8Array.of(2, 0, 255));
    expect(() => fromHex("02f")).toThrow('reading hex: "02f" is no even number of hex digits');
  });
});

describe("fragments", () => {
  const datagram = (ip: typeof v4) => {
    const header = ip.source.includes(":")
      ? ipv6(ip)
      : ipv4({ ...ip, identification: 77, options: [noOperation, recordRoute(1), routerAlert] });
    return frame(ethernet(macs), header, udp(flow), new Uint8Array(1000).fill(7));
  };

  test.each([v4, v6])("of $source hold the whole datagram between them", (ip) => {
    const whole = datagram(ip);
    const pieces = fragmentFrame(whole, 576, 5);
    expect(pieces).toHaveLength(2);
    expect(pieces.flatMap(checksumProblems)).toEqual([]);
    expect(pieces.every(({ length }) => length <= 576 + 14)).toBe(true);
    const [first, second] = pieces.map(parseFrame);
    expect(first?.layers.map(({ layer }) => layer)).toContain("udp");
    expect(second?.layers).toHaveLength(2);
    expect(pieces.map((piece) => checksumProblems(piece.subarray(0, -1)).length)).toEqual([1, 1]);
    expect((first?.remaining.length ?? 0) + (second?.remaining.length ?? 0)).toBe(1000);
  });

  test("carry on only the options that say so", () => {
    const [, second] = fragmentFrame(datagram(v4), 576).map(parseFrame);
    expect(second && layerOf(second, "ipv4")).toMatchObject({
      options: [routerAlert],
      fragmentOffset: 544,
      identification: 77,
    });
  });

  test("a frame that fits stays as it is; what cannot be cut is refused", () => {
    const whole = datagram(v4);
    expect(fragmentFrame(whole, 1500)).toEqual([whole]);
    expect(() => fragmentFrame(whole, 36)).toThrow("mtu 36 leaves no room");
    expect(() => fragmentFrame(whole.subarray(0, 20), 576)).toThrow("no whole IP packet");
    expect(() => fragmentFrame(fragmentFrame(whole, 576)[0] ?? whole, 100)).toThrow("no whole IP packet");
  });

  test("packets without Ethernet are checked as well", () => {
    expect(packetChecksumProblems(frame(ipv6(v6), tcp(flow)))).toEqual([]);
    expect(packetChecksumProblems(frame(ipv4(v4), tcp(flow), "x").subarray(0, 40))).toHaveLength(2);
  });
});
