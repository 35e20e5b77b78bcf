// IPv6 headers with their extension headers (RFC 8200 §4), which are kept as one list with the fixed header:
// the transport's protocol is only known after the last of them.
import type { AddressLike } from "./address.ts";
import { addressBytes, formatAddress } from "./address.ts";
import { checkField, concat, need, put16, put32, u8, u16, u32 } from "./bytes.ts";
import { pseudoHeaderSum } from "./checksum.ts";
import { PacketError } from "./errors.ts";
import { etherTypes } from "./ethernet.ts";
import { ipProtocols } from "./ipv4.ts";
import type { Layer, Located } from "./layer.ts";
import { announced } from "./layer.ts";

/** Numbers of the extension headers this package steps over (include/uapi/linux/in6.h). */
export const ipv6ExtensionTypes = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  destinationOptions: 60,
} as const;

const extensionNumbers: readonly number[] = Object.values(ipv6ExtensionTypes);

/** One extension header: its number, and all its bytes after the first, which names what follows. */
export interface Ipv6Extension {
  readonly type: number;
  readonly data: Uint8Array;
}

/** What a fragment header says (RFC 8200 §4.5); the offset in bytes. */
export interface Ipv6Fragment {
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  readonly identification: number;
}

/** A parsed IPv6 header; `headerLength` includes the extensions. */
export interface Ipv6 extends Located {
  readonly layer: "ipv6";
  readonly version: number;
  /** DSCP and ECN together, 8 bits. */
  readonly trafficClass: number;
  readonly flowLabel: number;
  /** Everything after the fixed 40 bytes, as written in the header. */
  readonly payloadLength: number;
  /** What the fixed header announces: the first extension or the transport. */
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: string;
  readonly destination: string;
  readonly extensions: readonly Ipv6Extension[];
  /** What the last extension announces: the transport. */
  readonly protocol: number;
}

/** What can be said of an IPv6 header to build: all but the addresses has a default, the length follows. */
export interface Ipv6Fields extends Partial<Omit<Ipv6, "layer" | "offset" | "source" | "destination">> {
  readonly source: AddressLike;
  readonly destination: AddressLike;
}

/** An extension of the form "length, then `data`": hop-by-hop, routing or destination options, padded to 8 bytes. */
export function ipv6Extension(
  kind: "hopByHop" | "routing" | "destinationOptions",
  data: Uint8Array = new Uint8Array(),
): Ipv6Extension {
  const units = Math.ceil((data.length + 2) / 8);
  const bytes = new Uint8Array(units * 8 - 1);
  bytes[0] = checkField("ipv6 extension length", units - 1, 8);
  bytes.set(data, 1);
  // PadN (RFC 8200 §4.2) where options are expected: a lone zero would be Pad1, which is right as well.
  const padding = bytes.length - 1 - data.length;
  if (kind !== "routing" && padding > 1) {
    bytes[1 + data.length] = 1;
    bytes[2 + data.length] = padding - 2;
  }
  return { type: ipv6ExtensionTypes[kind], data: bytes };
}

/** A fragment header; the offset in bytes, a multiple of 8. */
export function ipv6Fragment(fragment: Ipv6Fragment): Ipv6Extension {
  const data = new Uint8Array(7);
  if (fragment.fragmentOffset % 8 !== 0) {
    throw new PacketError(
      "YM_PACKET_FIELD",
      `building ipv6 fragment: offset ${fragment.fragmentOffset} is no multiple of 8`,
    );
  }
  put16(data, 1, checkField("ipv6 fragmentOffset", fragment.fragmentOffset, 16) | (fragment.moreFragments ? 1 : 0));
  put32(data, 3, checkField("ipv6 fragment identification", fragment.identification, 32));
  return { type: ipv6ExtensionTypes.fragment, data };
}

/** What the fragment header of a packet says, or undefined when it has none. */
export function ipv6FragmentOf(header: Pick<Ipv6, "extensions">): Ipv6Fragment | undefined {
  const extension = header.extensions.find(({ type }) => type === ipv6ExtensionTypes.fragment);
  if (extension === undefined) return undefined;
  const field = u16(extension.data, 1);
  return {
    fragmentOffset: field & 0xfff8,
    moreFragments: (field & 1) !== 0,
    identification: u32(extension.data, 3),
  };
}

/** Length in bytes of the extension at `offset`: RFC 8200 §4.3 and §4.5, RFC 4302 §2.2 for authentication. */
function extensionLength(type: number, bytes: Uint8Array, offset: number): number {
  if (type === ipv6ExtensionTypes.fragment) return 8;
  const length = u8(bytes, offset + 1);
  return type === ipv6ExtensionTypes.authentication ? (length + 2) * 4 : (length + 1) * 8;
}

/**
 * Reads an IPv6 header and the extensions after it; throws PacketError when they are cut off or the version is not 6.
 * Behind a fragment header with an offset other than 0 nothing is read as an extension: it is the middle of a packet.
 */
export function parseIpv6(bytes: Uint8Array, offset = 0): Ipv6 {
  need(bytes, offset, 40, "ipv6");
  const first = u32(bytes, offset);
  const version = first >>> 28;
  if (version !== 6) {
    throw new PacketError("YM_PACKET_MALFORMED", `parsing ipv6 at byte ${offset}: version ${version}, not 6`, offset);
  }
  const nextHeader = u8(bytes, offset + 6);
  const extensions: Ipv6Extension[] = [];
  let protocol = nextHeader;
  let at = offset + 40;
  while (extensionNumbers.includes(protocol) && (ipv6FragmentOf({ extensions })?.fragmentOffset ?? 0) === 0) {
    need(bytes, at, 2, "ipv6 extension");
    const length = extensionLength(protocol, bytes, at);
    need(bytes, at, length, "ipv6 extension");
    extensions.push({ type: protocol, data: bytes.slice(at + 1, at + length) });
    protocol = u8(bytes, at);
    at += length;
  }
  return {
    layer: "ipv6",
    offset,
    headerLength: at - offset,
    version,
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    payloadLength: u16(bytes, offset + 4),
    nextHeader,
    hopLimit: u8(bytes, offset + 7),
    source: formatAddress(bytes.subarray(offset + 8, offset + 24)),
    destination: formatAddress(bytes.subarray(offset + 24, offset + 40)),
    extensions,
    protocol,
  };
}

function checkFamily(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address;
  throw new PacketError("YM_PACKET_FIELD", `building ipv6: ${formatAddress(address)} is IPv4; use ipv4()`);
}

/** An IPv6 header to build, extensions included. Hop limit 64 unless given. */
export function ipv6(fields: Ipv6Fields): Layer {
  const source = checkFamily(addressBytes(fields.source));
  const destination = checkFamily(addressBytes(fields.destination));
  const extensions = fields.extensions ?? [];
  return {
    layer: "ipv6",
    etherType: etherTypes.ipv6,
    ipProtocol: ipProtocols.ipv6,
    pseudoHeader: (protocol, length) => pseudoHeaderSum(source, destination, protocol, length),
    write(inside, { inner }) {
      const protocol = announced("ipv6", "protocol", fields.protocol ?? inner?.ipProtocol, inner);
      const types = [...extensions.map(({ type }) => type), protocol];
      const parts = extensions.map(({ data }, index) => concat(Uint8Array.of(types[index + 1] ?? 0), data));
      const payload = concat(...parts, inside);
      const header = new Uint8Array(40);
      const version = checkField("ipv6 version", fields.version ?? 6, 4);
      const trafficClass = checkField("ipv6 trafficClass", fields.trafficClass ?? 0, 8);
      const flowLabel = checkField("ipv6 flowLabel", fields.flowLabel ?? 0, 20);
      put32(header, 0, (version << 28) | (trafficClass << 20) | flowLabel);
      put16(header, 4, checkField("ipv6 payloadLength", fields.payloadLength ?? payload.length, 16));
      header[6] = checkField("ipv6 nextHeader", fields.nextHeader ?? types[0] ?? protocol, 8);
      header[7] = checkField("ipv6 hopLimit", fields.hopLimit ?? 64, 8);
      header.set(source, 8);
      header.set(destination, 24);
      return concat(header, payload);
    },
  };
}
