// Captures: written and read back, read by tcpdump, and classic pcap of either byte order.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frame } from "./build.ts";
import { concat, fromHex, toHex } from "./bytes.ts";
import { parseCapture } from "./capture.ts";
import { PacketError } from "./errors.ts";
import { ethernet } from "./ethernet.ts";
import { ipv4 } from "./ipv4.ts";
import type { Capture } from "./pcapng.ts";
import { buildPcapng, linkTypes, pcapngHeader, pcapngPacket } from "./pcapng.ts";
import { udp } from "./udp.ts";

const bytes = frame(
  ethernet({ source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" }),
  ipv4({ source: "10.0.0.1", destination: "10.0.0.2" }),
  udp({ sourcePort: 40000, destinationPort: 5000 }),
  "hello",
);

const capture: Capture = {
  interfaces: [
    { name: "client", description: "where requests come in", linkType: linkTypes.ethernet },
    { name: "server", linkType: linkTypes.ethernet },
  ],
  packets: [
    {
      interface: 0,
      timestampNs: 1_700_000_000_123_456_789n,
      bytes,
      comment: "as it came",
      direction: "inbound",
    },
    { interface: 1, timestampNs: 1_700_000_000_123_456_999n, bytes, direction: "outbound" },
    {
      interface: 1,
      timestampNs: 1_700_000_001_000_000_000n,
      bytes: bytes.slice(0, 45),
      originalLength: bytes.length,
    },
  ],
};

const hasTcpdump = spawnSync("tcpdump", ["--version"]).error === undefined;

describe("captures", () => {
  test("read back as they were written", () => {
    expect(parseCapture(buildPcapng(capture))).toEqual(capture);
  });

  test("can be appended to, block by block", () => {
    const whole = concat(pcapngHeader(capture.interfaces), ...capture.packets.map(pcapngPacket));
    expect(toHex(whole)).toBe(toHex(buildPcapng(capture)));
  });

  test("several sections in one file count their interfaces on", () => {
    const twice = parseCapture(concat(buildPcapng(capture), buildPcapng(capture)));
    expect(twice.interfaces).toHaveLength(4);
    expect(twice.packets.map((packet) => packet.interface)).toEqual([0, 1, 1, 2, 3, 3]);
  });

  test.skipIf(!hasTcpdump)("tcpdump reads them (skipped where tcpdump is not installed)", () => {
    const folder = mkdtempSync(join(tmpdir(), "yardmaster-pcapng-"));
    try {
      const path = join(folder, "test.pcapng");
      writeFileSync(path, buildPcapng(capture));
      const options = ["-r", path, "-n", "-tt", "--time-stamp-precision=nano"];
      const lines = execFileSync("tcpdump", options, { stdio: ["ignore", "pipe", "ignore"] })
        .toString()
        .split("\n");
      expect(lines[0]).toContain("1700000000.123456789 IP 10.0.0.1.40000 > 10.0.0.2.5000: UDP, length 5");
      expect(lines).toHaveLength(capture.packets.length + 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("classic pcap: microseconds little-endian, nanoseconds big-endian", () => {
    const little =
      "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000" + "02000000 03000000 02000000 05000000 abcd";
    const big = "a1b23c4d 0002 0004 00000000 00000000 00040000 00000065" + "00000002 00000003 00000002 00000002 abcd";
    expect(parseCapture(fromHex(little))).toEqual({
      interfaces: [{ linkType: 1 }],
      packets: [{ interface: 0, timestampNs: 2_000_003_000n, bytes: fromHex("abcd"), originalLength: 5 }],
    });
    expect(parseCapture(fromHex(big))).toEqual({
      interfaces: [{ linkType: linkTypes.rawIp }],
      packets: [{ interface: 0, timestampNs: 2_000_000_003n, bytes: fromHex("abcd") }],
    });
  });

  test("pcapng big-endian, default microseconds, seconds offset, simple packets", () => {
    const section = "0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c";
    const plain = "00000001 00000014 0001 0000 00000000 00000014";
    const shifted =
      "00000001 0000002c 0001 0000 00000000 0009 0001 8a000000 000e 0008 000000000000000a 00000000 0000002c";
    const first = "00000006 00000024 00000000 00000000 00000007 00000002 00000002 abcd0000 00000024";
    const second = "00000006 00000024 00000001 00000000 00000400 00000002 00000002 abcd0000 00000024";
    const simple = "00000003 00000014 00000002 abcd0000 00000014";
    const unknown = "0000000a 0000000c 0000000c";
    const { packets } = parseCapture(fromHex(section + plain + shifted + unknown + first + second + simple));
    expect(packets.map(({ timestampNs }) => timestampNs)).toEqual([7000n, 11_000_000_000n, 0n]);
    expect(packets.map((packet) => toHex(packet.bytes))).toEqual(["abcd", "abcd", "abcd"]);
  });

  test.each([
    ["00000000", "starts like neither pcapng nor pcap"],
    ["0a0d", "number of 4 bytes goes past the end at 2"],
    ["0a0d0d0a 1c000000 00000000", "no byte order magic"],
    ["0a0d0d0a 1c000000 4d3c2b1a", "at byte 0: block of 28 bytes goes past the end"],
    ["0a0d0d0a 04000000 4d3c2b1a", "block length 4"],
    [`${toHex(pcapngHeader([]))}${toHex(pcapngPacket({ interface: 1, timestampNs: 0n, bytes }))}`, "interface 1 of 0"],
  ])("%s is refused", (hex, message) => {
    expect(() => parseCapture(fromHex(hex))).toThrow(message);
  });

  test("damaged files give an error of ours or a capture, nothing else", () => {
    const good = buildPcapng(capture);
    const places = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(places, fc.nat(good.length), (changes, length) => {
        const damaged = good.slice(0, length);
        for (const [at, value] of changes) if (at < length) damaged[at] = value;
        try {
          parseCapture(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(PacketError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
