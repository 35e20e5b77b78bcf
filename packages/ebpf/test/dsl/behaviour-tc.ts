// What programs for tc do to packets, in any host; and, in the interpreter, to packets that the kernel's test run
// cannot make: with a tag beside them, in pieces, with a checksum yet to be computed.

import { describe, expect, test } from "vitest";
import {
  be16,
  be32,
  type BpfHost,
  bytes,
  checksumChange,
  compile,
  drop,
  guard,
  leave,
  pass,
  type RunInput,
  stack,
  struct,
  tc,
  type TcPacket,
  u32,
  type Verdict,
  verdict,
} from "@yardmaster/ebpf";
import type { MemoryRunOutput } from "@yardmaster/ebpf/vm";
import { internetChecksum } from "./internet-checksum.ts";

const PASSED = 0xffff_ffff;
const DROPPED = 2;
const REDIRECTED = 7;
const broken = { name: "broken", code: 0 };

const Ethernet = struct("ethernet", { addresses: bytes(12), type: be16 });
/** The second half of an IPv4 header, and a UDP header. */
const Ends = struct("ends", { source: be32, destination: be32 });
const Udp = struct("udp", { source: be16, destination: be16, length: be16, check: be16 });
const IP_ENDS = 26;
const UDP = 34;

/** A datagram of `contents` bytes with right checksums, in an untagged frame. */
function datagram(contents = 16): Uint8Array {
  const frame = new Uint8Array(UDP + 8 + contents).map((_, index) => index & 0xff);
  const view = new DataView(frame.buffer);
  view.setUint16(12, 0x0800);
  frame.set([0x45, 0, 0, 28 + contents, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14);
  view.setUint16(24, internetChecksum(frame.subarray(14, 34)));
  view.setUint16(UDP + 4, 8 + contents);
  return withTransportSum(frame);
}

/** The same with a right UDP checksum. */
function withTransportSum(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer);
  view.setUint16(UDP + 6, 0);
  view.setUint16(UDP + 6, internetChecksum(Uint8Array.of(...pseudoHeader(frame), ...frame.subarray(UDP))));
  return frame;
}

const pseudoHeader = (frame: Uint8Array) =>
  Uint8Array.of(...frame.subarray(26, 34), 0, 17, ...frame.subarray(UDP + 4, UDP + 6));

function tagged(frame: Uint8Array, tci: number): Uint8Array {
  return Uint8Array.of(...frame.subarray(0, 12), 0x81, 0, tci >> 8, tci & 0xff, ...frame.subarray(12));
}

function run(host: BpfHost, body: (packet: TcPacket) => Verdict, input: RunInput): MemoryRunOutput {
  const spec = compile(tc("test", body));
  using program = host.loadProgram(spec, new Map());
  return program.run(input) as MemoryRunOutput;
}

/** Sends the datagram to 192.0.2.9:99, with checksums that follow. */
function redirectDatagram(packet: TcPacket): Verdict {
  const ends = packet.cursorAt(IP_ENDS).read(Ends).orDrop(broken);
  const udp = packet.cursorAt(UDP).read(Udp).orDrop(broken);
  const check = packet.cursorAt(24).read(Word16).orDrop(broken);
  const [address, port] = [be32(0xc0000209), be16(99)];
  const addresses = checksumChange().replace(ends.destination, address);
  const contents = checksumChange().replace(udp.destination, port);
  ends.destination = address;
  udp.destination = port;
  check.value = addresses.plus({ sum: check.value.raw().xor(0xffff).toU64() }).fold();
  packet.updateChecksum({ header: udp, type: Udp, zeroIsNone: true }, { addresses, contents });
  packet.settle();
  return pass();
}
const Word16 = struct("word16", { value: be16 });

function redirected(frame: Uint8Array): Uint8Array {
  const result = Uint8Array.from(frame);
  const view = new DataView(result.buffer);
  view.setUint32(30, 0xc0000209);
  view.setUint16(UDP + 2, 99);
  view.setUint16(24, 0);
  view.setUint16(24, internetChecksum(result.subarray(14, 34)));
  return withTransportSum(result);
}

/** Registers the tests; `createHost` is called once for each. */
export function describeTc(createHost: () => BpfHost): void {
  const isMemory = createHost().kind === "memory";

  test("verdicts: passed on to whoever looks next, dropped, sent back", () => {
    const verdictOf = (body: (packet: TcPacket) => Verdict) => run(createHost(), body, { packet: datagram() });
    expect(verdictOf(() => pass()).verdict).toBe(PASSED);
    expect(verdictOf(() => drop(broken)).verdict).toBe(DROPPED);
    const back = verdictOf((packet) => packet.sendBack());
    expect(back.verdict).toBe(REDIRECTED);
    if (isMemory) expect(back.redirectIfindex).toBe(1);
  });

  test("the packet: its length, its interface, no tag beside it, one segment or more", () => {
    const look = (packet: TcPacket) => {
      const { isPresent } = packet.carriedTag();
      const sum = packet.length().add(packet.ingressIfindex().shl(16)).add(packet.segmentPayload().shl(20));
      guard(isPresent.not()).orDrop(broken);
      return verdict(sum);
    };
    const seen = (input: Partial<RunInput>) => run(createHost(), look, { packet: datagram(), ...input }).verdict;
    expect(seen({})).toBe(58 + (1 << 16));
    expect(seen({ buffer: { segmentPayload: 5 } })).toBe(58 + (1 << 16) + (5 << 20));
  });

  test("the packet grows at its start, and is cut and grows at its end", () => {
    const frame = datagram();
    const output = run(
      createHost(),
      (packet) => {
        guard(packet.adjustTail(-10).eq(0)).orDrop(broken);
        guard(packet.adjustTail(4).eq(0)).orDrop(broken);
        guard(packet.adjustHead(-8).eq(0)).orDrop(broken);
        packet.read(Word16).orDrop(broken).value = be16(0x0102);
        return verdict(packet.length());
      },
      { packet: frame },
    );
    expect(output.verdict).toBe(frame.length + 2);
    expect([...output.packet]).toEqual([1, 2, 0, 0, 0, 0, 0, 0, ...frame.subarray(0, -10), 0, 0, 0, 0]);
  });

  test("room for outer headers: between link layer and network header", () => {
    const frame = datagram();
    const output = run(
      createHost(),
      (packet) => {
        guard(packet.encapsulate(28, { family: "ipv4", transport: "udp" }).eq(0)).orDrop(broken);
        return pass();
      },
      { packet: frame },
    );
    expect(output.verdict).toBe(PASSED);
    expect([...output.packet.subarray(0, 42)]).toEqual([...frame.subarray(0, 14), ...new Array(28).fill(0)]);
    expect(output.packet.subarray(42)).toEqual(frame.subarray(14));
  });

  test("a tag in the frame is taken off", () => {
    const body = (packet: TcPacket) => {
      guard(packet.popTag().eq(0)).orDrop(broken);
      return verdict(packet.length());
    };
    const output = run(createHost(), body, { packet: tagged(datagram(), 7) });
    expect(output.packet).toEqual(datagram());
    expect(output.verdict).toBe(datagram().length);
  });

  test("checksums follow addresses and ports", () => {
    const output = run(createHost(), redirectDatagram, { packet: datagram() });
    expect(output.packet).toEqual(redirected(datagram()));
  });

  if (isMemory) describe("socket buffers", () => describeBuffers(createHost));
}

function describeBuffers(createHost: () => BpfHost): void {
  test("a checksum yet to be computed, and a card's sum, follow too", () => {
    const frame = datagram();
    const partial = Uint8Array.from(frame);
    new DataView(partial.buffer).setUint16(UDP + 6, ~internetChecksum(pseudoHeader(frame)) & 0xffff);
    const unchanged = { packet: partial, buffer: { checksum: { start: UDP, offset: 6 } } };
    expect(run(createHost(), () => pass(), unchanged).packet).toEqual(frame);
    expect(run(createHost(), redirectDatagram, unchanged).packet).toEqual(redirected(frame));
    const card = run(createHost(), redirectDatagram, { packet: frame, buffer: { checksum: "complete" } });
    expect([card.packet, card.isCompleteSumRight]).toEqual([redirected(frame), true]);
  });

  test("a card's sum is told of what nothing balances", () => {
    const change = (told: boolean) => (packet: TcPacket) => {
      const udp = packet.cursorAt(UDP).read(Udp).orDrop(broken);
      const contents = checksumChange().replace(udp.source, be16(5));
      udp.source = be16(5);
      if (told) packet.accountFor(contents);
      return pass();
    };
    const input: RunInput = { packet: datagram(), buffer: { checksum: "complete" } };
    expect(run(createHost(), change(false), input).isCompleteSumRight).toBe(false);
    expect(run(createHost(), change(true), input).isCompleteSumRight).toBe(true);
  });

  test("bytes in other pages are readable once they are asked for, and only where they are", () => {
    const look = (packet: TcPacket) => {
      const cursor = packet.cursorAt(UDP);
      cursor.read(Udp).then(() => leave(drop(broken)));
      packet.makeReadable(UDP + 8);
      const udp = packet.cursorAt(UDP).read(Udp).orDrop(broken);
      return verdict(udp.length.toHost().toU32());
    };
    const output = (packet: Uint8Array) => run(createHost(), look, { packet, buffer: { linearBytes: 20 } }).verdict;
    expect(output(datagram())).toBe(24);
    expect(output(datagram().subarray(0, UDP + 4))).toBe(DROPPED);
  });

  test("the outermost tag is beside the frame, and can be exchanged", () => {
    const exchange = (packet: TcPacket) => {
      const ethernet = packet.read(Ethernet).orDrop(broken);
      const tag = packet.carriedTag();
      guard(tag.isPresent.and(tag.tci.eq(7)).and(ethernet.type.eq(0x0800))).orDrop(broken);
      packet.popTag();
      packet.pushTag(be16(0x2009));
      return pass();
    };
    const output = run(createHost(), exchange, { packet: tagged(datagram(), 7) });
    expect(output).toMatchObject({ verdict: PASSED, packet: tagged(datagram(), 0x2009) });
  });

  test("segments become smaller by what is put in front of each", () => {
    const grow = (packet: TcPacket) => {
      packet.encapsulate(20, { family: "ipv4" });
      return verdict(packet.segmentPayload());
    };
    const input: RunInput = { packet: datagram(), buffer: { segmentPayload: 1000 } };
    expect(run(createHost(), grow, input)).toMatchObject({ verdict: 980, segmentPayload: 980 });
  });

  test("frames for others are told by what the stack knows; a neighbour is resolved by the stack", () => {
    const NextHop = struct("next_hop", { family: u32, address: bytes(16) });
    const address = new Uint8Array(16).fill(7);
    const body = (packet: TcPacket) => {
      guard(packet.isForHost()).orPass();
      return packet.sendToNeighbour(u32(4), stack(NextHop, { family: 2, address }));
    };
    const output = run(createHost(), body, { packet: datagram() });
    expect(output).toMatchObject({ verdict: REDIRECTED, redirectIfindex: 4 });
    expect([...(output.redirectNeighbour ?? [])]).toEqual([2, 0, 0, 0, ...address]);
    expect(run(createHost(), body, { packet: datagram(), buffer: { packetType: 3 } }).verdict).toBe(PASSED);
  });
}
