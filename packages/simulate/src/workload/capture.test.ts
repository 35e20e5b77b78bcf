// Workloads from captures: which connections one shows, when they begin and end, what is left out.
import { buildPcapng, ethernet, frame, ipv4, ipv4ToNumber, type Layer, linkTypes, tcp, udp } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { capturedTarget, type CaptureSelection, readCapture } from "./capture.ts";

const SERVICE = "192.0.2.80";
const CLIENT = "203.0.113.7";

interface Sent {
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  /** TCP's flags; without them a UDP datagram. */
  readonly flags?: string;
}

function endpoint(text: string): { readonly address: string; readonly port: number } {
  const [address = "", port] = text.split(":");
  return { address, port: Number(port) };
}

/** A pcapng file of these packets. */
function captureOf(...packets: readonly Sent[]): Uint8Array {
  return buildPcapng({
    interfaces: [{ name: "eth0" }],
    packets: packets.map(({ atMs, from, to, flags }) => {
      const [source, destination] = [endpoint(from), endpoint(to)];
      const ports = { sourcePort: source.port, destinationPort: destination.port };
      const transport: Layer = flags === undefined ? udp(ports) : tcp({ ...ports, flags });
      const addresses = { source: source.address, destination: destination.address };
      const bytes = frame(
        ethernet({ source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" }),
        ipv4(addresses),
        transport,
      );
      return { interface: 0, timestampNs: BigInt(1_700_000_000_000 + atMs) * 1_000_000n, bytes };
    }),
  });
}

const all: CaptureSelection = { protocol: "tcp", to: undefined, destinations: "captured" };
const [c, s] = [`${CLIENT}:40000`, `${SERVICE}:80`];

describe("tcp", () => {
  test("a connection is from its SYN to its first FIN or RST", () => {
    const bytes = captureOf(
      { atMs: 100, from: c, to: s, flags: "S" },
      { atMs: 101, from: s, to: c, flags: "SA" },
      { atMs: 102, from: c, to: s, flags: "A" },
      { atMs: 600, from: s, to: c, flags: "FA" },
      { atMs: 900, from: c, to: s, flags: "FA" },
      { atMs: 950, from: `${CLIENT}:40001`, to: s, flags: "S" },
      { atMs: 990, from: `${CLIENT}:40001`, to: s, flags: "R" },
    );
    const { flows, durationMs, withoutBegin } = readCapture(bytes, all);
    const client = ipv4ToNumber(CLIENT);
    const destination = ipv4ToNumber(SERVICE);
    expect({ durationMs, withoutBegin }).toEqual({ durationMs: 890, withoutBegin: 0 });
    expect(flows).toEqual([
      { atMs: 0, client, clientPort: 40_000, destination, destinationPort: 80, lastsMs: 500 },
      { atMs: 850, client, clientPort: 40_001, destination, destinationPort: 80, lastsMs: 40 },
    ]);
  });

  test("a SYN sent again is none of its own; after the end the port opens the next connection", () => {
    const bytes = captureOf(
      { atMs: 0, from: c, to: s, flags: "S" },
      { atMs: 1_000, from: c, to: s, flags: "S" },
      { atMs: 2_000, from: c, to: s, flags: "FA" },
      { atMs: 2_001, from: s, to: c, flags: "FA" },
      { atMs: 2_002, from: c, to: s, flags: "A" },
      { atMs: 3_000, from: c, to: s, flags: "S" },
    );
    const { flows, withoutBegin } = readCapture(bytes, all);
    expect(flows.map(({ atMs, lastsMs }) => [atMs, lastsMs])).toEqual([
      [0, 2_000],
      [3_000, Number.POSITIVE_INFINITY],
    ]);
    expect(withoutBegin).toBe(0);
  });

  test("connections without their begin are counted once and left out", () => {
    const bytes = captureOf(
      { atMs: 0, from: c, to: s, flags: "A" },
      { atMs: 1, from: s, to: c, flags: "PA" },
      { atMs: 2, from: c, to: s, flags: "A" },
      { atMs: 3, from: `${CLIENT}:40001`, to: s, flags: "S" },
    );
    expect(readCapture(bytes, all)).toMatchObject({ flows: [{ clientPort: 40_001 }], withoutBegin: 1 });
  });

  test("`to` chooses by address and port", () => {
    const bytes = captureOf(
      { atMs: 0, from: c, to: s, flags: "S" },
      { atMs: 1, from: c, to: `${SERVICE}:443`, flags: "S" },
      { atMs: 2, from: c, to: "192.0.2.81:80", flags: "S" },
    );
    const portsTo = (port: number | undefined) =>
      readCapture(bytes, { ...all, to: { address: ipv4ToNumber(SERVICE), port } }).flows.map((f) => f.destinationPort);
    expect(portsTo(undefined)).toEqual([80, 443]);
    expect(portsTo(443)).toEqual([443]);
    expect(() => portsTo(25)).toThrow("holds no tcp connection");
  });

  test("as one service all flows meet its address; captured ones keep theirs", () => {
    const bytes = captureOf({ atMs: 0, from: c, to: `${SERVICE}:443`, flags: "S" });
    const one = { ...all, destinations: "one" } as const;
    expect(readCapture(bytes, one).flows).toMatchObject([
      { destination: ipv4ToNumber("198.51.100.10"), destinationPort: 80 },
    ]);
    expect(capturedTarget(one)).toEqual({ address: "198.51.100.10", port: 80 });
    expect(capturedTarget(all)).toEqual({ address: "0.0.0.0/0", port: "any" });
  });
});

describe("udp", () => {
  const selection = { ...all, protocol: "udp" } as const;

  test("a flow lasts until half a minute of silence; answers belong to it", () => {
    const bytes = captureOf(
      { atMs: 0, from: c, to: s },
      { atMs: 10, from: s, to: c },
      { atMs: 30_000, from: c, to: s },
      { atMs: 60_001, from: c, to: s },
      { atMs: 60_011, from: s, to: c },
    );
    expect(readCapture(bytes, selection).flows.map(({ atMs, lastsMs }) => [atMs, lastsMs])).toEqual([
      [0, 30_000],
      [60_001, 10],
    ]);
  });

  test("tcp does not count", () => {
    const bytes = captureOf({ atMs: 0, from: c, to: s, flags: "S" });
    expect(() => readCapture(bytes, selection)).toThrow("holds no udp connection");
  });
});

test.each([
  ["raw IP", linkTypes.rawIp, 0],
  ["Linux cooked", 113, 16],
  ["Linux cooked, version 2", 276, 20],
])("captures of %s are read like those of Ethernet", (_, linkType, headerLength) => {
  const packet = frame(
    ipv4({ source: CLIENT, destination: SERVICE }),
    tcp({ sourcePort: 40_000, destinationPort: 80, flags: "S" }),
  );
  const bytes = Uint8Array.of(...new Uint8Array(headerLength), ...packet);
  const file = buildPcapng({ interfaces: [{ linkType }], packets: [{ interface: 0, timestampNs: 0n, bytes }] });
  expect(readCapture(file, all).flows).toMatchObject([{ clientPort: 40_000, destinationPort: 80 }]);
});

test("what is no capture is said to be none", () => {
  expect(() => readCapture(new TextEncoder().encode("no capture at all"), all)).toThrow("neither pcapng nor pcap");
});
