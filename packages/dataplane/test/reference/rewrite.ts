// The reference's changes to a frame. Checksums are added up anew over all they cover. One that was wrong
// when the packet came stays wrong by the same amount: the director neither repairs nor hides damage.

import { foldSum, internetChecksum, macBytes, parseAddress, pseudoHeaderSum, sumWords } from "@yardmaster/packet";
import type { HopPlan } from "../plan.ts";
import type { ReadFrame, ReadPacket } from "./read-frame.ts";

/** Where a header of either version keeps its addresses, and how long they are; and what counts the hops. */
export function layoutOf(bytes: Uint8Array, { ipAt }: Pick<ReadPacket, "ipAt">) {
  const isV4 = (bytes[ipAt] ?? 0) >> 4 === 4;
  return isV4
    ? { isV4, addresses: ipAt + 12, length: 4, hops: ipAt + 8 }
    : { isV4, addresses: ipAt + 8, length: 16, hops: ipAt + 7 };
}

/** The frame with one end of its flow replaced. */
export function translated(
  bytes: Uint8Array,
  read: ReadFrame,
  end: "source" | "destination",
  address: string,
  port: number,
): Uint8Array {
  const copy = bytes.slice();
  const offset = end === "source" ? 0 : 1;
  const { addresses, length } = layoutOf(bytes, read);
  copy.set(parseAddress(address), addresses + offset * length);
  putWord(copy, read.transportAt + offset * 2, port);
  sealHeader(copy, read);
  return resummed({ bytes, read }, { bytes: copy, read });
}

export interface Seen {
  readonly bytes: Uint8Array;
  readonly read: ReadFrame;
}

/** Puts the transport checksum of a changed frame right, or as wrong as it was. */
export function resummed(before: Seen, { bytes: copy, read }: Seen): Uint8Array {
  const { bytes } = before;
  const sumBefore = transportSum(bytes, before.read);
  const checkAt = read.transportAt + (read.protocol === "tcp" ? 16 : 6);
  const noneAt = before.read.transportAt + 6;
  const hasNone = read.protocol === "udp" && bytes[noneAt] === 0 && bytes[noneAt + 1] === 0;
  if (hasNone) return copy;
  putWord(copy, checkAt, 0);
  // A right checksum makes the whole add up to 0xffff, that is to 0 in this arithmetic.
  const wanted = (((sumBefore - transportSum(copy, read)) % 0xffff) + 0xffff) % 0xffff;
  putWord(copy, checkAt, wanted === 0 && read.protocol === "udp" ? 0xffff : wanted);
  return copy;
}

const NOTHING = 1;

/**
 * The TCP options of a frame, from the first on: where they are and what they are; up to the first that is malformed.
 */
export function optionsOf(bytes: Uint8Array, { transportAt }: ReadFrame): { kind: number; at: number; size: number }[] {
  const end = transportAt + ((bytes[transportAt + 12] ?? 0) >> 4) * 4;
  const found = [];
  for (let at = transportAt + 20; at < end; ) {
    const kind = bytes[at] ?? 0;
    if (kind === 0) break;
    const stated = kind === NOTHING ? 1 : at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
    const isWhole = kind === NOTHING || (stated >= 2 && at + stated <= end);
    const size = isWhole ? stated : end - at;
    found.push({ kind, at, size });
    if (!isWhole) break;
    at += size;
  }
  return found;
}

/** The frame without what its TCP options say of addresses: no-operations in their place. */
export function blotted(bytes: Uint8Array, read: ReadFrame): Uint8Array {
  const copy = bytes.slice();
  const found = optionsOf(bytes, read).filter(({ kind }) => kind === 254 || kind === 253);
  if (found.length === 0) return copy;
  for (const { at, size } of found) copy.fill(NOTHING, at, at + size);
  return resummed({ bytes, read }, { bytes: copy, read });
}

/** How servers are told: under tc only by segments without data, and behind all other options. */
export type TellingPlace = "first" | "last";

/** The frame with a client's address among its TCP options; undefined where the header or the way has no room. */
export function telling(
  bytes: Uint8Array,
  read: ReadFrame,
  client: { readonly source: string; readonly sourcePort: number },
  { mtu, place }: { readonly mtu: number; readonly place: TellingPlace },
): { readonly bytes: Uint8Array; readonly read: ReadFrame } | undefined {
  const address = parseAddress(client.source);
  const size = 4 + address.length;
  const { transportAt, ipAt } = read;
  const headerLength = ((bytes[transportAt + 12] ?? 0) >> 4) * 4;
  if (headerLength + size > 60 || read.totalLength + size > mtu) return undefined;
  const option = [254, size, client.sourcePort >> 8, client.sourcePort & 0xff, ...address];
  if (place === "last" && transportAt + headerLength !== bytes.length) return undefined;
  const behind = transportAt + (place === "last" ? headerLength : 20);
  const copy = Uint8Array.of(...bytes.subarray(0, behind), ...option, ...bytes.subarray(behind));
  copy[transportAt + 12] = (copy[transportAt + 12] ?? 0) + (size / 4) * 16;
  const { isV4 } = layoutOf(copy, read);
  putWord(copy, ipAt + (isV4 ? 2 : 4), read.totalLength + size - (isV4 ? 0 : 40));
  sealHeader(copy, read);
  const grown = { ...read, endsAt: read.endsAt + size, totalLength: read.totalLength + size };
  return { bytes: resummed({ bytes, read }, { bytes: copy, read: grown }), read: grown };
}

/** The frame with the address of one end replaced, where there is no transport header: of later fragments. */
export function readdressed(
  bytes: Uint8Array,
  read: ReadPacket,
  end: "source" | "destination",
  address: string,
): Uint8Array {
  const copy = bytes.slice();
  const { addresses, length } = layoutOf(bytes, read);
  copy.set(parseAddress(address), addresses + (end === "source" ? 0 : length));
  sealHeader(copy, read);
  return copy;
}

/** The frame on its way out: one hop less to live, other MAC addresses, the tag that the way wants. */
export function sent(bytes: Uint8Array, read: ReadPacket, hop: Required<HopPlan>): Uint8Array {
  const copy = oneHopOlder(bytes, read);
  const macs = [...macBytes(hop.mac), ...macBytes(hop.sourceMac)];
  return Uint8Array.of(...macs, ...tagFor(read, hop.vlan), ...copy.subarray(read.ipAt - 2));
}

/** The frame, one hop older. */
export function oneHopOlder(bytes: Uint8Array, read: ReadPacket): Uint8Array {
  const copy = bytes.slice();
  copy[layoutOf(copy, read).hops] = read.ttl - 1;
  sealHeader(copy, read);
  return copy;
}

/** The IP packet of a frame, one hop older: what errors about its size quote. */
export function aged(bytes: Uint8Array, read: ReadFrame): Uint8Array {
  return oneHopOlder(bytes, read).subarray(read.ipAt, read.endsAt);
}

/** The tag's bytes, none for an untagged way. A tag that is there keeps type, priority and drop eligibility. */
function tagFor({ tags }: ReadPacket, vlan: number): readonly number[] {
  if (vlan === 0) return [];
  const [typeHigh = 0x81, typeLow = 0, control = 0] = tags[0] ?? [];
  return [typeHigh, typeLow, (control & 0xf0) | (vlan >> 8), vlan & 0xff];
}

/** Puts the checksum of an IPv4 header right. */
export function sealHeader(bytes: Uint8Array, read: ReadPacket): void {
  const { ipAt, transportAt } = read;
  if (!layoutOf(bytes, read).isV4) return;
  putWord(bytes, ipAt + 10, 0);
  putWord(bytes, ipAt + 10, internetChecksum(bytes.subarray(ipAt, transportAt)));
}

/** The folded sum of all that the TCP or UDP checksum covers, itself included. */
function transportSum(bytes: Uint8Array, read: ReadFrame): number {
  const { transportAt, endsAt, protocol } = read;
  const { addresses, length } = layoutOf(bytes, read);
  const pseudoHeader = pseudoHeaderSum(
    bytes.slice(addresses, addresses + length),
    bytes.slice(addresses + length, addresses + 2 * length),
    protocol === "tcp" ? 6 : 17,
    endsAt - transportAt,
  );
  return foldSum(sumWords(bytes.subarray(transportAt, endsAt), pseudoHeader));
}

export function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 0xff;
}
