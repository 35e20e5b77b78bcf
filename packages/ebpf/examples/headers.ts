// The headers that the examples read, and packets made of them: one `struct` is the layout for programs and
// the codec for us.

import { be16, be32, bytes, struct, u16, u8 } from "@yardmaster/ebpf";

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;

export const Ethernet = struct("ethernet", { destination: bytes(6), source: bytes(6), type: be16 });
/** RFC 791, without options. */
export const Ipv4 = struct("ipv4", {
  version: u8,
  service: u8,
  length: be16,
  id: be16,
  fragment: be16,
  timeToLive: u8,
  protocol: u8,
  check: be16,
  source: be32,
  destination: be32,
});
/** The beginning of both, RFC 9293 and RFC 768. */
export const Ports = struct("ports", { source: be16, destination: be16 });
/** RFC 9293, without options. */
export const Tcp = struct("tcp", {
  source: be16,
  destination: be16,
  sequence: be32,
  acknowledgement: be32,
  offset: u8,
  flags: u8,
  window: be16,
  check: be16,
  urgent: u16,
});

export interface PacketFields {
  readonly type?: number;
  readonly protocol?: number;
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** A frame of 60 bytes: Ethernet, IPv4 and the layout of TCP, with correct checksums. */
export function makePacket(fields: PacketFields): Uint8Array {
  const source = address(fields.source ?? "192.0.2.1");
  const destination = address(fields.destination ?? "198.51.100.10");
  const protocol = fields.protocol ?? IPPROTO_TCP;
  const type = fields.type ?? ETH_P_IP;
  const mac = (last: number) => Uint8Array.of(2, 0, 0, 0, 0, last);
  const ethernet = Ethernet.encode({ destination: mac(1), source: mac(2), type });
  const ports = { source: fields.sourcePort ?? 40000, destination: fields.destinationPort ?? 80 };
  const tcpFields = { ...ports, sequence: 1, acknowledgement: 0, offset: 5 << 4, flags: 2, window: 1024, urgent: 0 };
  const tcp = (check: number) => Tcp.encode({ ...tcpFields, check });
  const length = Ipv4.size + Tcp.size;
  const ipFields = { version: 0x45, service: 0, length, id: 1, fragment: 0, timeToLive: 64, protocol };
  const ip = (check: number) => Ipv4.encode({ ...ipFields, check, source, destination });
  const pseudo = Uint8Array.of(...ip(0).subarray(12), 0, protocol, 0, Tcp.size);
  const packet = new Uint8Array(60);
  packet.set(ethernet);
  packet.set(ip(internetChecksum(ip(0))), Ethernet.size);
  packet.set(tcp(internetChecksum(Uint8Array.of(...pseudo, ...tcp(0)))), Ethernet.size + Ipv4.size);
  return packet;
}

/** RFC 1071. */
export function internetChecksum(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 2) sum += ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** `192.0.2.1` as the number that be32 fields hold. */
export function address(text: string): number {
  return text.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}

/** The other way round. */
export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}
