// IPv4 headers (RFC 791) with options and fragment fields.
import type { AddressLike } from "./address.ts";
import { addressBytes, formatAddress } from "./address.ts";
import { checkField, concat, need, put16, u8, u16 } from "./bytes.ts";
import { internetChecksum, pseudoHeaderSum } from "./checksum.ts";
import { PacketError } from "./errors.ts";
import { etherTypes } from "./ethernet.ts";
import type { Layer, Located } from "./layer.ts";
import { announced } from "./layer.ts";
import type { HeaderOption } from "./options.ts";
import { buildOptions, headerOption, parseOptions } from "./options.ts";

/** IP protocol numbers (include/uapi/linux/in.h, in6.h). */
export const ipProtocols = {
  icmp4: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  icmp6: 58,
} as const;

/** A parsed IPv4 header. */
export interface Ipv4 extends Located {
  readonly layer: "ipv4";
  readonly version: number;
  /** DSCP and ECN together, 8 bits. */
  readonly typeOfService: number;
  /** Header and contents in bytes, as written in the header. */
  readonly totalLength: number;
  readonly identification: number;
  readonly reservedFlag: boolean;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly checksum: number;
  readonly source: string;
  readonly destination: string;
  readonly options: readonly HeaderOption[];
}

/** What can be said of an IPv4 header to build: all but the addresses has a default, lengths and checksum follow. */
export interface Ipv4Fields extends Partial<Omit<Ipv4, "layer" | "offset" | "source" | "destination">> {
  readonly source: AddressLike;
  readonly destination: AddressLike;
}

/** The router alert option, which hosts and routers must look at (RFC 2113). */
export const routerAlert: HeaderOption = headerOption(148, Uint8Array.of(0, 0));

/** An empty record route option with room for `slots` addresses, 1 to 9 (RFC 791 §3.1). */
export function recordRoute(slots: number): HeaderOption {
  return headerOption(7, concat(Uint8Array.of(4), new Uint8Array(slots * 4)));
}

/** Reads an IPv4 header; throws PacketError when it is cut off, not version 4 or shorter than 20 bytes. */
export function parseIpv4(bytes: Uint8Array, offset = 0): Ipv4 {
  need(bytes, offset, 20, "ipv4");
  const version = u8(bytes, offset) >>> 4;
  const headerLength = (u8(bytes, offset) & 0xf) * 4;
  if (version !== 4 || headerLength < 20) {
    const fault = version === 4 ? `header length ${headerLength}, at least 20` : `version ${version}, not 4`;
    throw new PacketError("YM_PACKET_MALFORMED", `parsing ipv4 at byte ${offset}: ${fault}`, offset);
  }
  need(bytes, offset, headerLength, "ipv4 with options");
  const fragment = u16(bytes, offset + 6);
  return {
    layer: "ipv4",
    offset,
    headerLength,
    version,
    typeOfService: u8(bytes, offset + 1),
    totalLength: u16(bytes, offset + 2),
    identification: u16(bytes, offset + 4),
    reservedFlag: (fragment & 0x8000) !== 0,
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    ttl: u8(bytes, offset + 8),
    protocol: u8(bytes, offset + 9),
    checksum: u16(bytes, offset + 10),
    source: formatAddress(bytes.subarray(offset + 12, offset + 16)),
    destination: formatAddress(bytes.subarray(offset + 16, offset + 20)),
    options: parseOptions(bytes.subarray(offset + 20, offset + headerLength)),
  };
}

function multipleOf(unit: number, what: string, value: number): number {
  if (value % unit === 0) return value / unit;
  throw new PacketError("YM_PACKET_FIELD", `building ${what}: ${value} is no multiple of ${unit}`);
}

function fragmentField(fields: Ipv4Fields): number {
  const units = multipleOf(8, "ipv4 fragmentOffset", fields.fragmentOffset ?? 0);
  const flags =
    (fields.reservedFlag === true ? 0x8000 : 0) |
    (fields.dontFragment === true ? 0x4000 : 0) |
    (fields.moreFragments === true ? 0x2000 : 0);
  return flags | checkField("ipv4 fragmentOffset in units of 8 bytes", units, 13);
}

function checkFamily(address: Uint8Array): Uint8Array {
  if (address.length === 4) return address;
  throw new PacketError("YM_PACKET_FIELD", `building ipv4: ${formatAddress(address)} is IPv6; use ipv6()`);
}

/** An IPv4 header to build. TTL 64 unless given; no flags. */
export function ipv4(fields: Ipv4Fields): Layer {
  const source = checkFamily(addressBytes(fields.source));
  const destination = checkFamily(addressBytes(fields.destination));
  return {
    layer: "ipv4",
    etherType: etherTypes.ipv4,
    ipProtocol: ipProtocols.ipv4,
    pseudoHeader: (protocol, length) => pseudoHeaderSum(source, destination, protocol, length),
    write(inside, { inner }) {
      const options = buildOptions(fields.options ?? [], "ipv4");
      const header = new Uint8Array(20 + options.length);
      const words = multipleOf(4, "ipv4 headerLength", fields.headerLength ?? header.length);
      const version = checkField("ipv4 version", fields.version ?? 4, 4);
      const protocol = announced("ipv4", "protocol", fields.protocol ?? inner?.ipProtocol, inner);
      header[0] = (version << 4) | checkField("ipv4 headerLength in words", words, 4);
      header[1] = checkField("ipv4 typeOfService", fields.typeOfService ?? 0, 8);
      put16(header, 2, checkField("ipv4 totalLength", fields.totalLength ?? header.length + inside.length, 16));
      put16(header, 4, checkField("ipv4 identification", fields.identification ?? 0, 16));
      put16(header, 6, fragmentField(fields));
      header[8] = checkField("ipv4 ttl", fields.ttl ?? 64, 8);
      header[9] = checkField("ipv4 protocol", protocol, 8);
      header.set(source, 12);
      header.set(destination, 16);
      header.set(options, 20);
      put16(header, 10, checkField("ipv4 checksum", fields.checksum ?? internetChecksum(header), 16));
      return concat(header, inside);
    },
  };
}
