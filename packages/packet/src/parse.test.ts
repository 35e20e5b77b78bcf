// Taking frames apart: frames that a kernel sent, random ones and damaged ones. Parsing never throws, and
// building what was parsed gives the same bytes, whatever they were.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseArp } from "./arp.ts";
import { frame } from "./build.ts";
import { fromHex, toHex } from "./bytes.ts";
import { describeFrame, diffFrames } from "./describe.ts";
import { ethernet } from "./ethernet.ts";
import { PacketError } from "./errors.ts";
import { ipv4 } from "./ipv4.ts";
import { mutateFrame, mutations } from "./mutate.ts";
import { layersOf, parseFrame, parsePacket, rebuild } from "./parse.ts";
import { randomFrame, seededRandom } from "./random.ts";
import { tcp } from "./tcp.ts";
import { parseGre, parseGue } from "./tunnel.ts";
import { checksumProblems } from "./verify.ts";

/** Frames that Linux 6.1 sent, their checksums verified, and the layers that are in them. */
const recorded: readonly (readonly [name: string, layers: string, hex: string])[] = [
  [
    "NAT: SYN to the real server",
    "ethernet ipv4 tcp",
    "02000002010b020000020001080045100030123440003c0617700a0101070a02000b9c411f90000003e8000000007002ffffae510000" +
      "020405b401010402",
  ],
  [
    "NAT: SYN over IPv6",
    "ethernet ipv6 tcp",
    "02000002010b02000002000186dd61000000001c063cfd000009000000000000000000000007fd00000200000000000000000000000b" +
      "9c411f90000003e8000000007002ffffc9470000020405b401010402",
  ],
  [
    "UDP over IPv6",
    "ethernet ipv6 udp",
    "02000002010b02000002000186dd60000000000d113bfd000009000000000000000000000007fd000003000000000000000000000001" +
      "9c430035000d257468656c6c6f",
  ],
  [
    "ICMP fragmentation needed",
    "ethernet ipv4 icmp4 ipv4 udp",
    "020000010001020000010002080045000038000000003c01b2c0c00002010a03000103045b10000005144500002200004000321133c0" +
      "0a0300010a0101070035a028000efc6b",
  ],
  [
    "ICMPv6 packet too big",
    "ethernet ipv6 icmp6 ipv6 udp",
    "02000002010b02000002000186dd60000000003e3a3f20010db8000000000000000000000001fd00000200000000000000000000000b" +
      "020047bf0000051460000000000e1140fd00000200000000000000000000000bfd00000900000000000000000000000714e9a028000e" +
      "1762776f726c6421",
  ],
  [
    "IP in IP, IPv6, odd length",
    "ethernet ipv6 ipv6 tcp",
    "02000002010b02000002000186dd61000000004f293cfd000002000000000000000000000001fd00000200000000000000000000000b" +
      "610000000027063cfd000009000000000000000000000007fd0000030000000000000000000000019c410050000003e9000023295018" +
      "ffffe2600000474554202f20485454502f312e300d0a0d0a31",
  ],
  [
    "GRE with checksum, odd length",
    "ethernet ipv4 gre ipv4 tcp",
    "02000002010b020000020001080045100057000040003c2f2a590a0200010a02000b800008008d3800004510003b123440003c06176e" +
      "0a0101070a0300019c410050000003e9000023295018ffffc76a0000474554202f20485454502f312e300d0a0d0a31",
  ],
  [
    "GUE, no outer UDP checksum",
    "ethernet ipv4 udp gue ipv4 udp",
    "02000002010b020000020001080045000041000040003b112b9d0a0200010a02000bd9c317c0002d00000004000045000021000040003" +
      "b112ac10a0101070a0300019c430035000d0a7e68656c6c6f",
  ],
];

const seeds = fc.integer({ min: 0, max: 0xffffffff });

describe("recorded frames", () => {
  test.each(recorded)("%s: %s", (_, layers, hex) => {
    const bytes = fromHex(hex);
    const parsed = parseFrame(bytes);
    expect(parsed.layers.map(({ layer }) => layer).join(" ")).toBe(layers);
    expect(checksumProblems(bytes)).toEqual([]);
    expect(toHex(rebuild(parsed))).toBe(hex);
  });

  test.each(recorded)("%s: any changed byte of a covered header is noticed", (_, _layers, hex) => {
    const bytes = fromHex(hex);
    const covered = parseFrame(bytes).layers.find(({ layer }) => layer === "ipv4");
    for (let at = covered?.offset ?? bytes.length; at < (covered?.offset ?? 0) + 20; at++) {
      const damaged = bytes.with(at, (bytes[at] ?? 0) ^ 1);
      expect(checksumProblems(damaged), `byte ${at}`).not.toEqual([]);
    }
  });

  test("a packet without Ethernet header", () => {
    const [, , hex = ""] = recorded[1] ?? [];
    expect(parsePacket(fromHex(hex).subarray(14)).layers.map(({ layer }) => layer)).toEqual(["ipv6", "tcp"]);
  });
});

describe("parsing", () => {
  const macs = { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" };
  const v4 = { source: "10.0.0.1", destination: "10.0.0.2" };
  const whole = frame(ethernet(macs), ipv4(v4), tcp({ sourcePort: 1, destinationPort: 2 }), "hello");

  test.each([
    [0, "parsing ethernet at byte 0: 14 bytes needed, 0 there"],
    [13, "parsing ethernet at byte 0: 14 bytes needed, 13 there"],
    [20, "parsing ipv4 at byte 14: 20 bytes needed, 6 there"],
    [40, "parsing tcp at byte 34: 20 bytes needed, 6 there"],
    [56, "ipv4: truncated: length 45, 42 bytes there"],
  ])("cut at %i says so", (length, message) => {
    const parsed = parseFrame(whole.subarray(0, length));
    expect(parsed.problems.map((problem) => problem.message)).toContain(message);
  });

  test("what is behind the packet's end is the trailer", () => {
    const parsed = parseFrame(frame(whole, Uint8Array.of(1, 2, 3)));
    expect(toHex(parsed.remaining)).toBe("68656c6c6f");
    expect(toHex(parsed.trailer)).toBe("010203");
    expect(checksumProblems(parsed.bytes)).toEqual([
      { layer: "ethernet", offset: 0, message: "ethernet: 3 bytes follow the end of the packet" },
    ]);
  });

  test("padding to 60 bytes is no problem", () => {
    const short = frame(ethernet(macs), ipv4(v4), tcp({ sourcePort: 1, destinationPort: 2 }), new Uint8Array());
    expect(checksumProblems(frame(short, new Uint8Array(6)))).toEqual([]);
  });

  test("malformed options are kept and reported", () => {
    const options = [{ kind: "malformed" as const, data: Uint8Array.of(7, 40, 4, 0) }];
    const bytes = frame(ethernet(macs), ipv4({ ...v4, options, protocol: 200 }), "x");
    expect(layersOf(parseFrame(bytes), "ipv4")[0]?.options).toEqual(options);
    expect(checksumProblems(bytes)).toMatchObject([{ message: "ipv4: malformed options" }]);
  });

  test("a length below the header's stops the parse", () => {
    const header = ipv4({ ...v4, totalLength: 19 });
    const parsed = parseFrame(frame(ethernet(macs), header, tcp({ sourcePort: 1, destinationPort: 2 })));
    expect(parsed.problems[0]?.message).toBe("ipv4: length 19 is less than its header's 20");
  });

  test("single headers throw with the offset", () => {
    const attempt = () => parseArp(new Uint8Array(40), 4);
    expect(attempt).toThrow(PacketError);
    expect(attempt).toThrow("parsing arp at byte 4: types and lengths are 000000000000, not 000108000604");
    expect(() => parseGre(fromHex("00010800"))).toThrow("version 1, not 0");
    expect(() => parseGre(fromHex("40000800"))).toThrow("a routing field");
    expect(() => parseGue(fromHex("40000000"))).toThrow("variant 1, not 0");
  });
});

describe("random frames", () => {
  test("are valid, and parse and build to themselves", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const bytes = randomFrame(seededRandom(seed));
        const parsed = parseFrame(bytes);
        expect(checksumProblems(bytes), describeFrame(bytes)).toEqual([]);
        expect(parsed.problems).toEqual([]);
        expect(toHex(rebuild(parsed))).toBe(toHex(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  test("follow from the seed, and draw from the choices given", () => {
    expect(toHex(randomFrame(seededRandom(7)))).toBe(toHex(randomFrame(seededRandom(7))));
    const random = seededRandom(1);
    const destinations = new Set<string>();
    for (let count = 0; count < 200; count++) {
      for (const { destination } of layersOf(parseFrame(randomFrame(random, { ipv4: ["9.9.9.9"] })), "ipv4")) {
        destinations.add(destination);
      }
    }
    expect([...destinations]).toEqual(["9.9.9.9"]);
  });

  test("damaged ones never throw, and still build to themselves", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = seededRandom(seed);
        const bytes = mutateFrame(randomFrame(random), random);
        const parsed = parseFrame(bytes);
        checksumProblems(bytes);
        describeFrame(bytes);
        expect(toHex(rebuild(parsed))).toBe(toHex(bytes));
        expect(parsed.layers.reduce((sum, { headerLength }) => sum + headerLength, 0)).toBe(
          bytes.length - parsed.remaining.length - parsed.trailer.length,
        );
      }),
      { numRuns: 3000 },
    );
  });

  test("any bytes at all never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.uint8Array({ maxLength: 120 }), (a, b) => {
        for (const parsed of [parseFrame(a), parsePacket(a)]) expect(toHex(rebuild(parsed))).toBe(toHex(a));
        checksumProblems(a);
        expect(diffFrames(a, b) === "").toBe(toHex(a) === toHex(b));
      }),
      { numRuns: 2000 },
    );
  });

  test.each(Object.keys(mutations))("the mutation %s makes a difference and leaves its input alone", (name) => {
    const random = seededRandom(3);
    let changed = 0;
    for (let count = 0; count < 200; count++) {
      const bytes = randomFrame(random);
      const before = toHex(bytes);
      if (toHex(mutations[name]?.(bytes, random) ?? bytes) !== before) changed++;
      expect(toHex(bytes)).toBe(before);
    }
    expect(changed).toBeGreaterThan(20);
  });
});
