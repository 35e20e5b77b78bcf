// All that it takes to answer a packet with an ICMP error (RFC 792) inside of a program: the packet cut, room made
// before it, headers written, a sum over as much of it as there is; in any host.

import { expect, test } from "vitest";
import {
  be16,
  be32,
  type BpfHost,
  bytes,
  checksumDifference,
  choose,
  guard,
  stack,
  struct,
  tx,
  u32,
  u8,
  viewAs,
} from "@yardmaster/ebpf";
import { internetChecksum } from "./internet-checksum.ts";
import { observe } from "./observe.ts";

const TX = 3;
const Ethernet = struct("ethernet", { destination: bytes(6), source: bytes(6), type: be16 });
const Ipv4 = struct("ipv4", {
  version: u8,
  service: u8,
  length: be16,
  id: be16,
  fragment: be16,
  ttl: u8,
  protocol: u8,
  check: be16,
  source: be32,
  destination: be32,
});
const Icmp = struct("icmp", { type: u8, code: u8, check: be16, unused: be16, mtu: be16 });
const Front = struct("front", { ethernet: Ethernet, ip: Ipv4, icmp: Icmp }, { packed: true });
/** RFC 1812, 4.3.2.3: the whole error, without its link-layer header, has at most 576 bytes. */
const LONGEST = Ethernet.size + 576;

/** Registers the tests; `createHost` is called once for each. */
export function describeIcmp(createHost: () => BpfHost): void {
  const answer = (packet: Uint8Array) =>
    observe(
      createHost(),
      (staged) => {
        const reason = { name: "no room", code: 0 };
        const length = staged.length();
        const most = LONGEST - Ipv4.size - Icmp.size;
        const cut = choose(length.gt(most), u32(most).sub(length), u32(0));
        guard(staged.adjustTail(cut).eq(0)).orDrop(reason);
        const before = stack(Ethernet, staged.read(Ethernet).orPass());
        const { destination } = staged.read(Ipv4).orPass();
        guard(staged.adjustHead(-(Ipv4.size + Icmp.size)).eq(0)).orDrop(reason);
        const front = staged.read(Front).orPass();
        const quoted = staged.read(Ipv4).orPass();
        front.ethernet = stack(Ethernet, { destination: before.source, source: before.destination, type: before.type });
        const ipLength = staged.length().sub(Ethernet.size);
        const ip = stack(Ipv4, {
          ...{ version: 0x45, service: 0, id: 0, fragment: 0, ttl: 64, protocol: 1, check: 0 },
          length: ipLength.toU16().toNet(),
          source: destination,
          destination: quoted.source,
        });
        ip.check = checksumDifference({ to: viewAs(ip, Ipv4, bytes(Ipv4.size)) }).fold();
        front.ip = ip;
        front.icmp = stack(Icmp, { type: 3, code: 4, check: 0, unused: 0, mtu: 1400 });
        const covered = staged.cursorAt(Ethernet.size + Ipv4.size);
        front.icmp.check = covered.checksum(ipLength.sub(Ipv4.size), { atMost: 576 }).orDrop(reason).fold();
        return tx();
      },
      { packet },
    );

  test.each([34, 35, 60, 61, 561, 562, 563, 1400])("a packet of %i bytes is answered", (length) => {
    const packet = Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff);
    const output = answer(packet);
    expect(output.verdict).toBe(TX);
    const icmpLength = Math.min(length, 562) - Ethernet.size + Icmp.size;
    expect(output.packet.length).toBe(Ethernet.size + Ipv4.size + icmpLength);
    const ethernet = Ethernet.decode(output.packet);
    expect(ethernet).toMatchObject({ destination: packet.slice(6, 12), source: packet.slice(0, 6) });
    const ip = output.packet.slice(Ethernet.size, Ethernet.size + Ipv4.size);
    const original = Ipv4.decode(packet.slice(Ethernet.size));
    expect(Ipv4.decode(ip)).toMatchObject({
      length: Ipv4.size + icmpLength,
      source: original.destination,
      destination: original.source,
    });
    expect(internetChecksum(ip)).toBe(0);
    const icmp = output.packet.slice(Ethernet.size + Ipv4.size);
    expect(Icmp.decode(icmp)).toMatchObject({ type: 3, code: 4, mtu: 1400 });
    expect(internetChecksum(icmp)).toBe(0);
    expect(icmp.slice(Icmp.size)).toEqual(packet.slice(Ethernet.size, Ethernet.size + icmpLength - Icmp.size));
  });
}
