// ICMP for IPv4 (RFC 792) and IPv6 (RFC 4443): echoes, and errors that quote the packet they are about.
// To build an error, put the quoted packet's layers inside it.
import { checkField, concat, need, put16, put32, u8, u16, u32 } from "./bytes.ts";
import { internetChecksum } from "./checksum.ts";
import { ipProtocols } from "./ipv4.ts";
import type { Layer, Located } from "./layer.ts";
import { enclosingPseudoHeader } from "./layer.ts";

/** Types of ICMP for IPv4 (include/uapi/linux/icmp.h). */
export const icmp4Types = {
  echoReply: 0,
  destinationUnreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

/** Types of ICMP for IPv6 (include/uapi/linux/icmpv6.h, include/net/ndisc.h). */
export const icmp6Types = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
} as const;

interface IcmpHeader extends Located {
  readonly type: number;
  readonly code: number;
  readonly checksum: number;
  /** The four bytes after the checksum; their meaning depends on the type. */
  readonly rest: number;
  /** On echoes: the first half of `rest`. */
  readonly identifier?: number;
  /** On echoes: the second half of `rest`. */
  readonly sequence?: number;
  /** On "fragmentation needed" and "packet too big": bytes that fit the next hop. */
  readonly mtu?: number;
}

/** A parsed ICMP header of IPv4. */
export interface Icmp4 extends IcmpHeader {
  readonly layer: "icmp4";
}

/** A parsed ICMP header of IPv6. */
export interface Icmp6 extends IcmpHeader {
  readonly layer: "icmp6";
}

/** What can be said of an ICMP header to build; `rest` goes before identifier, sequence and mtu. */
export interface IcmpFields {
  readonly type: number;
  readonly code?: number;
  readonly checksum?: number;
  readonly rest?: number;
  readonly identifier?: number;
  readonly sequence?: number;
  readonly mtu?: number;
}

/** Whether messages of this type quote the packet that they are about (RFC 1122 §3.2.2; RFC 4443 §2.1). */
export function quotesPacket(header: Pick<Icmp4 | Icmp6, "layer" | "type">): boolean {
  if (header.layer === "icmp6") return header.type >= 1 && header.type <= 4;
  return [3, 4, 5, 11, 12].includes(header.type);
}

function isEcho(layer: "icmp4" | "icmp6", type: number): boolean {
  return layer === "icmp4" ? type === 0 || type === 8 : type === 128 || type === 129;
}

function parseHeader(layer: "icmp4" | "icmp6", bytes: Uint8Array, offset: number): IcmpHeader {
  need(bytes, offset, 8, layer);
  const type = u8(bytes, offset);
  const code = u8(bytes, offset + 1);
  const rest = u32(bytes, offset + 4);
  const tellsMtu = layer === "icmp4" ? type === 3 && code === 4 : type === 2;
  return {
    offset,
    headerLength: 8,
    type,
    code,
    checksum: u16(bytes, offset + 2),
    rest,
    ...(isEcho(layer, type) ? { identifier: rest >>> 16, sequence: rest & 0xffff } : {}),
    ...(tellsMtu ? { mtu: layer === "icmp4" ? rest & 0xffff : rest } : {}),
  };
}

/** Reads an ICMP header of IPv4; throws PacketError when it is cut off. */
export function parseIcmp4(bytes: Uint8Array, offset = 0): Icmp4 {
  return { layer: "icmp4", ...parseHeader("icmp4", bytes, offset) };
}

/** Reads an ICMP header of IPv6; throws PacketError when it is cut off. */
export function parseIcmp6(bytes: Uint8Array, offset = 0): Icmp6 {
  return { layer: "icmp6", ...parseHeader("icmp6", bytes, offset) };
}

function buildMessage(what: string, fields: IcmpFields, inside: Uint8Array): Uint8Array {
  const message = concat(new Uint8Array(8), inside);
  message[0] = checkField(`${what} type`, fields.type, 8);
  message[1] = checkField(`${what} code`, fields.code ?? 0, 8);
  const identifier = checkField(`${what} identifier`, fields.identifier ?? 0, 16);
  const sequence = checkField(`${what} sequence`, fields.sequence ?? 0, 16);
  put32(message, 4, checkField(`${what} rest`, fields.rest ?? fields.mtu ?? identifier * 0x10000 + sequence, 32));
  return message;
}

/** An ICMP header of IPv4 to build. */
export function icmp4(fields: IcmpFields): Layer {
  return {
    layer: "icmp4",
    ipProtocol: ipProtocols.icmp4,
    write(inside) {
      const message = buildMessage("icmp4", fields, inside);
      put16(message, 2, checkField("icmp4 checksum", fields.checksum ?? internetChecksum(message), 16));
      return message;
    },
  };
}

/** An ICMP header of IPv6 to build; its checksum covers the IPv6 addresses. */
export function icmp6(fields: IcmpFields): Layer {
  return {
    layer: "icmp6",
    ipProtocol: ipProtocols.icmp6,
    write(inside, { outer }) {
      const message = buildMessage("icmp6", fields, inside);
      const computed = () =>
        internetChecksum(message, enclosingPseudoHeader("icmp6", ipProtocols.icmp6, message.length, outer));
      put16(message, 2, checkField("icmp6 checksum", fields.checksum ?? computed(), 16));
      return message;
    },
  };
}
