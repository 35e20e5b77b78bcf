// TCP headers with options (RFC 9293 §3.1), flags as letters.
import type { AddressLike } from "./address.ts";
import { addressBytes } from "./address.ts";
import { checkField, concat, need, put16, put32, u8, u16, u32 } from "./bytes.ts";
import { internetChecksum } from "./checksum.ts";
import { PacketError } from "./errors.ts";
import { ipProtocols } from "./ipv4.ts";
import type { Layer, Located } from "./layer.ts";
import { enclosingPseudoHeader } from "./layer.ts";
import type { HeaderOption } from "./options.ts";
import { buildOptions, headerOption, parseOptions } from "./options.ts";

/** A parsed TCP header. */
export interface Tcp extends Located {
  readonly layer: "tcp";
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** The four bits between header length and flags. */
  readonly reserved: number;
  /** Letters in the order F S R P A U E C: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR. */
  readonly flags: string;
  readonly window: number;
  readonly checksum: number;
  readonly urgentPointer: number;
  readonly options: readonly HeaderOption[];
}

/** What can be said of a TCP header to build: all but the ports has a default, length and checksum follow. */
export interface TcpFields extends Partial<Omit<Tcp, "layer" | "offset" | "sourcePort" | "destinationPort">> {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Option kinds (IANA, TCP parameters); 254 is for experiments (RFC 6994), here the client's address and port. */
export const tcpOptionKinds = {
  maximumSegmentSize: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
  clientAddress: 254,
} as const;

/** The largest segment the sender takes, in bytes. */
export function maximumSegmentSize(size: number): HeaderOption {
  return headerOption(tcpOptionKinds.maximumSegmentSize, Uint8Array.of(size >>> 8, size));
}

/** The shift count of the sender's window (RFC 7323). */
export function windowScale(shift: number): HeaderOption {
  return headerOption(tcpOptionKinds.windowScale, Uint8Array.of(shift));
}

/** That selective acknowledgments may be sent (RFC 2018). */
export const sackPermitted: HeaderOption = headerOption(tcpOptionKinds.sackPermitted);

/** The timestamps option (RFC 7323). */
export function timestamps(value: number, echo: number): HeaderOption {
  const data = new Uint8Array(8);
  put32(data, 0, value);
  put32(data, 4, echo);
  return headerOption(tcpOptionKinds.timestamps, data);
}

/** The client's port and address as full NAT hands them to the real server: port, then 4 or 16 bytes. */
export function clientAddress(address: AddressLike, port: number): HeaderOption {
  return headerOption(tcpOptionKinds.clientAddress, concat(Uint8Array.of(port >>> 8, port), addressBytes(address)));
}

const flagLetters = "FSRPAUEC";

/** The bits of flag letters in any order, FIN being bit 0; throws PacketError for another letter. */
export function tcpFlagsToNumber(flags: string): number {
  let bits = 0;
  for (const letter of flags) {
    const bit = flagLetters.indexOf(letter);
    if (bit < 0) {
      const text = JSON.stringify(flags);
      throw new PacketError("YM_PACKET_FIELD", `building tcp flags: ${text} has letters other than ${flagLetters}`);
    }
    bits |= 1 << bit;
  }
  return bits;
}

/** The letters of flag bits, in the order FSRPAUEC. */
export function tcpFlagsToText(bits: number): string {
  return [...flagLetters].filter((_, bit) => (bits & (1 << bit)) !== 0).join("");
}

/** Reads a TCP header; throws PacketError when it is cut off or says it is shorter than 20 bytes. */
export function parseTcp(bytes: Uint8Array, offset = 0): Tcp {
  need(bytes, offset, 20, "tcp");
  const headerLength = (u8(bytes, offset + 12) >>> 4) * 4;
  if (headerLength < 20) {
    throw new PacketError(
      "YM_PACKET_MALFORMED",
      `parsing tcp at byte ${offset}: header length ${headerLength}, at least 20`,
      offset,
    );
  }
  need(bytes, offset, headerLength, "tcp with options");
  return {
    layer: "tcp",
    offset,
    headerLength,
    sourcePort: u16(bytes, offset),
    destinationPort: u16(bytes, offset + 2),
    sequence: u32(bytes, offset + 4),
    acknowledgment: u32(bytes, offset + 8),
    reserved: u8(bytes, offset + 12) & 0xf,
    flags: tcpFlagsToText(u8(bytes, offset + 13)),
    window: u16(bytes, offset + 14),
    checksum: u16(bytes, offset + 16),
    urgentPointer: u16(bytes, offset + 18),
    options: parseOptions(bytes.subarray(offset + 20, offset + headerLength)),
  };
}

/** A TCP header to build. No flags, window 65535 unless given. */
export function tcp(fields: TcpFields): Layer {
  return {
    layer: "tcp",
    ipProtocol: ipProtocols.tcp,
    write(inside, { outer }) {
      const options = buildOptions(fields.options ?? [], "tcp");
      const headerLength = fields.headerLength ?? 20 + options.length;
      const header = new Uint8Array(20 + options.length);
      put16(header, 0, checkField("tcp sourcePort", fields.sourcePort, 16));
      put16(header, 2, checkField("tcp destinationPort", fields.destinationPort, 16));
      put32(header, 4, checkField("tcp sequence", fields.sequence ?? 0, 32));
      put32(header, 8, checkField("tcp acknowledgment", fields.acknowledgment ?? 0, 32));
      const words = checkField("tcp headerLength in words", headerLength / 4, 4);
      header[12] = (words << 4) | checkField("tcp reserved", fields.reserved ?? 0, 4);
      header[13] = tcpFlagsToNumber(fields.flags ?? "");
      put16(header, 14, checkField("tcp window", fields.window ?? 65535, 16));
      put16(header, 18, checkField("tcp urgentPointer", fields.urgentPointer ?? 0, 16));
      header.set(options, 20);
      const segment = concat(header, inside);
      const computed = () =>
        internetChecksum(segment, enclosingPseudoHeader("tcp", ipProtocols.tcp, segment.length, outer));
      put16(segment, 16, checkField("tcp checksum", fields.checksum ?? computed(), 16));
      return segment;
    },
  };
}
