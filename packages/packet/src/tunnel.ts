// The two tunnel headers beside plain IP in IP (which is just one IP header around another):
// GRE (RFC 2784, RFC 2890) and generic UDP encapsulation (draft-ietf-intarea-gue-09, include/net/gue.h).
import { checkField, concat, need, put16, put32, u8, u16, u32 } from "./bytes.ts";
import { internetChecksum } from "./checksum.ts";
import { PacketError } from "./errors.ts";
import { ipProtocols } from "./ipv4.ts";
import type { Layer, Located } from "./layer.ts";
import { announced } from "./layer.ts";

/** The UDP port that GUE is known by (IANA). */
export const guePort = 6080;

/** A parsed GRE header. `protocol` is an EtherType. */
export interface Gre extends Located {
  readonly layer: "gre";
  /** Bits 0 to 15 of the header without those that say which fields follow. */
  readonly reserved: number;
  readonly protocol: number;
  readonly checksum?: number;
  /** The 16 bits after the checksum, zero by RFC 2784; there when the checksum is. */
  readonly afterChecksum?: number;
  readonly key?: number;
  readonly sequence?: number;
}

export interface GreFields {
  readonly reserved?: number;
  /** Follows from the layer inside unless given. */
  readonly protocol?: number;
  /** "computed" adds the right one, a number that one; none unless given. */
  readonly checksum?: "computed" | number;
  readonly afterChecksum?: number;
  readonly key?: number;
  readonly sequence?: number;
}

/** A parsed GUE header of variant 0. */
export interface Gue extends Located {
  readonly layer: "gue";
  /** Whether the contents are a control message rather than a packet. */
  readonly control: boolean;
  /** The IP protocol number of what follows, or the control type. */
  readonly protocol: number;
  readonly flags: number;
  /** The fields that the flags announce, uninterpreted. */
  readonly fields: Uint8Array;
}

export interface GueFields {
  readonly control?: boolean;
  /** Follows from the layer inside unless given. */
  readonly protocol?: number;
  readonly flags?: number;
  readonly fields?: Uint8Array;
  readonly headerLength?: number;
}

const greChecksum = 0x8000;
const greKey = 0x2000;
const greSequence = 0x1000;

/** Reads a GRE header of version 0; throws PacketError when it is cut off or uses routing (RFC 1701). */
export function parseGre(bytes: Uint8Array, offset = 0): Gre {
  need(bytes, offset, 4, "gre");
  const bits = u16(bytes, offset);
  if ((bits & 0x4007) !== 0) {
    const fault = (bits & 7) === 0 ? "a routing field" : `version ${bits & 7}, not 0`;
    throw new PacketError("YM_PACKET_MALFORMED", `parsing gre at byte ${offset}: ${fault}`, offset);
  }
  const has = (bit: number) => (bits & bit) !== 0;
  const keyAt = offset + (has(greChecksum) ? 8 : 4);
  const sequenceAt = keyAt + (has(greKey) ? 4 : 0);
  const headerLength = sequenceAt + (has(greSequence) ? 4 : 0) - offset;
  need(bytes, offset, headerLength, "gre");
  return {
    layer: "gre",
    offset,
    headerLength,
    reserved: bits & ~(greChecksum | greKey | greSequence),
    protocol: u16(bytes, offset + 2),
    ...(has(greChecksum) ? { checksum: u16(bytes, offset + 4), afterChecksum: u16(bytes, offset + 6) } : {}),
    ...(has(greKey) ? { key: u32(bytes, keyAt) } : {}),
    ...(has(greSequence) ? { sequence: u32(bytes, sequenceAt) } : {}),
  };
}

function optionalWord(value: number | undefined, what: string): Uint8Array {
  const word = new Uint8Array(value === undefined ? 0 : 4);
  if (value !== undefined) put32(word, 0, checkField(what, value, 32));
  return word;
}

/** A GRE header to build. */
export function gre(fields: GreFields = {}): Layer {
  return {
    layer: "gre",
    ipProtocol: ipProtocols.gre,
    write(inside, { inner }) {
      const head = new Uint8Array(fields.checksum === undefined ? 4 : 8);
      if (head.length === 8) put16(head, 6, checkField("gre afterChecksum", fields.afterChecksum ?? 0, 16));
      const bits =
        (fields.checksum === undefined ? 0 : greChecksum) |
        (fields.key === undefined ? 0 : greKey) |
        (fields.sequence === undefined ? 0 : greSequence);
      put16(head, 0, bits | checkField("gre reserved", fields.reserved ?? 0, 16));
      const protocol = announced("gre", "protocol", fields.protocol ?? inner?.etherType, inner);
      put16(head, 2, checkField("gre protocol", protocol, 16));
      const tail = [optionalWord(fields.key, "gre key"), optionalWord(fields.sequence, "gre sequence")];
      const packet = concat(head, ...tail, inside);
      if (fields.checksum === "computed") put16(packet, 4, internetChecksum(packet));
      else if (fields.checksum !== undefined) put16(packet, 4, checkField("gre checksum", fields.checksum, 16));
      return packet;
    },
  };
}

/** Whether the bytes of a datagram for {@link guePort} can be a GUE header: variant 0 and not cut off. */
export function isGue(bytes: Uint8Array, offset: number): boolean {
  const first = u8(bytes, offset);
  return first >>> 6 === 0 && bytes.length - offset >= 4 + (first & 0x1f) * 4;
}

/** Reads a GUE header; throws PacketError when it is cut off or not of variant 0. */
export function parseGue(bytes: Uint8Array, offset = 0): Gue {
  need(bytes, offset, 4, "gue");
  const first = u8(bytes, offset);
  if (first >>> 6 !== 0) {
    throw new PacketError(
      "YM_PACKET_MALFORMED",
      `parsing gue at byte ${offset}: variant ${first >>> 6}, not 0`,
      offset,
    );
  }
  const headerLength = 4 + (first & 0x1f) * 4;
  need(bytes, offset, headerLength, "gue");
  return {
    layer: "gue",
    offset,
    headerLength,
    control: (first & 0x20) !== 0,
    protocol: u8(bytes, offset + 1),
    flags: u16(bytes, offset + 2),
    fields: bytes.slice(offset + 4, offset + headerLength),
  };
}

/** A GUE header to build; put it inside udp({ destinationPort: guePort, … }). */
export function gue(fields: GueFields = {}): Layer {
  return {
    layer: "gue",
    write(inside, { inner }) {
      const extra = fields.fields ?? new Uint8Array();
      const header = new Uint8Array(4);
      const words = checkField("gue header words", ((fields.headerLength ?? 4 + extra.length) - 4) / 4, 5);
      const protocol = announced("gue", "protocol", fields.protocol ?? inner?.ipProtocol, inner);
      header[0] = (fields.control === true ? 0x20 : 0) | words;
      header[1] = checkField("gue protocol", protocol, 8);
      put16(header, 2, checkField("gue flags", fields.flags ?? 0, 16));
      return concat(header, extra, inside);
    },
  };
}
