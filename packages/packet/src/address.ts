// IPv4, IPv6 and MAC addresses between text and bytes in network order, and prefixes of them.
// Headers show addresses as text in the one canonical spelling (RFC 5952), so that they compare with ===.
import { u16, u32 } from "./bytes.ts";
import { PacketError } from "./errors.ts";

/** An address as text or as 4 or 16 bytes in network order. */
export type AddressLike = string | Uint8Array;

/** A MAC address as text (`02:00:00:00:00:01`) or as 6 bytes. */
export type MacLike = string | Uint8Array;

/** A network: an address whose bits after `length` are zero. */
export interface Prefix {
  readonly address: Uint8Array;
  /** How many leading bits are fixed: 0 to 32 or 128. */
  readonly length: number;
}

/** Character codes. */
const ZERO = 0x30;
const DOT = 0x2e;

function badAddress(message: string): PacketError {
  return new PacketError("YM_PACKET_ADDRESS", message);
}

/** Character by character: a configuration has a hundred thousand of them. */
function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let place = 0;
  let digits = 0;
  let number = 0;
  for (let at = 0; at <= text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit >= 0 && digit <= 9) {
      // No zero before other digits: some read such numbers as octal.
      if (digits > 0 && number === 0) return undefined;
      number = number * 10 + digit;
      digits += 1;
      if (number > 255) return undefined;
      continue;
    }
    const isDot = at < text.length && digit === DOT - ZERO && place < 3;
    const isEnd = at === text.length && place === 3;
    if (digits === 0 || !(isDot || isEnd)) return undefined;
    bytes[place++] = number;
    digits = 0;
    number = 0;
  }
  return bytes;
}

/** The 16-bit groups of one side of `::`, a dotted quad at the very end counting as two. */
function parseGroups(text: string, isLast: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = isLast && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (quad === undefined) return undefined;
    groups.push(u16(quad, 0), u16(quad, 2));
  }
  return groups;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [first = "", second] = halves;
  const head = parseGroups(first, second === undefined);
  const tail = parseGroups(second ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (second === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
}

/** The 4 or 16 bytes of an IPv4 or IPv6 address in network order, or undefined when it is none. No zone ids. */
export function tryParseAddress(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** The 4 or 16 bytes of an IPv4 or IPv6 address in network order; throws {@link PacketError} when it is none. */
export function parseAddress(text: string): Uint8Array {
  const bytes = tryParseAddress(text);
  if (bytes !== undefined) return bytes;
  throw badAddress(
    `parsing an address: ${JSON.stringify(text)} is none; write IPv4 as 192.0.2.1 (each number 0 to 255, ` +
      "no leading zeros) or IPv6 as 2001:db8::1 (no zone)",
  );
}

/** The bytes of an address given in either form; throws {@link PacketError} when it is none. */
export function addressBytes(address: AddressLike): Uint8Array {
  if (typeof address === "string") return parseAddress(address);
  if (address.length === 4 || address.length === 16) return address;
  throw badAddress(`reading an address: ${address.length} bytes are none; give 4 (IPv4) or 16 (IPv6)`);
}

/** The longest run of at least two zero groups, the first of equals (RFC 5952 §4.2). */
function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** The canonical text of an address: dotted quad, or RFC 5952 (IPv4-mapped addresses as `::ffff:192.0.2.1`). */
export function formatAddress(address: AddressLike): string {
  const bytes = addressBytes(address);
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => u16(bytes, index * 2));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12).join(".")}`;
  }
  const run = longestZeroRun(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (run.start < 0) return text(groups);
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

/** An IPv4 address as the big-endian 32-bit number its bytes spell: 192.0.2.1 is 0xc0000201. */
export function ipv4ToNumber(address: AddressLike): number {
  const bytes = addressBytes(address);
  if (bytes.length === 4) return u32(bytes, 0);
  throw badAddress(`converting an address to a number: ${formatAddress(bytes)} is IPv6; only IPv4 fits 32 bits`);
}

/** The big-endian 32-bit numbers that an address's bytes spell: one of IPv4, four of IPv6. */
export function addressWords(address: AddressLike): number[] {
  const bytes = addressBytes(address);
  if (bytes.length === 4) return [u32(bytes, 0)];
  return [0, 4, 8, 12].map((at) => u32(bytes, at));
}

/** The 4 or 16 bytes of the address that one or four big-endian 32-bit numbers spell. */
export function addressFromWords(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setUint32(index * 4, word));
  return bytes;
}

/** The 4 bytes of the IPv4 address that a big-endian 32-bit number spells. */
export function ipv4FromNumber(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw badAddress(`converting a number to an address: ${value} is not from 0 to 4294967295`);
  }
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function maskTo(address: Uint8Array, length: number): Uint8Array {
  return address.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, length - index * 8))));
}

/** The network of `length` bits that an address is in. */
export function prefixOf(address: AddressLike, length: number): Prefix {
  return { address: maskTo(addressBytes(address), length), length };
}

/**
 * The network that `198.51.100.0/24` or `2001:db8::/32` names; an address alone is a network of one.
 * Throws {@link PacketError} for anything else, also when bits after the length are set: the message holds the
 * network that was probably meant.
 */
export function parsePrefix(text: string): Prefix {
  const [, base = text, digits] = /^([^/]*)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = tryParseAddress(base);
  const length = digits === undefined ? (address?.length ?? 0) * 8 : Number(digits);
  if (address === undefined || length > address.length * 8) {
    throw badAddress(
      `parsing a prefix: ${JSON.stringify(text)} is none; write 198.51.100.0/24 (0 to 32) or 2001:db8::/32 (0 to 128)`,
    );
  }
  const prefix = prefixOf(address, length);
  if (formatAddress(prefix.address) !== formatAddress(address)) {
    throw badAddress(
      `parsing a prefix: ${JSON.stringify(text)} has bits set after its length; did you mean ${formatPrefix(prefix)}?`,
    );
  }
  return prefix;
}

/** The canonical text of a prefix, always with its length. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** Whether `address` lies in the network; never across families. */
export function prefixContains(prefix: Prefix, address: AddressLike): boolean {
  const bytes = addressBytes(address);
  if (bytes.length !== prefix.address.length) return false;
  return formatAddress(maskTo(bytes, prefix.length)) === formatAddress(prefix.address);
}

/** The 6 bytes of a MAC address written with colons or hyphens; throws {@link PacketError} when it is none. */
export function parseMac(text: string): Uint8Array {
  if (/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$|^[0-9a-fA-F]{2}(-[0-9a-fA-F]{2}){5}$/.test(text)) {
    return Uint8Array.from(text.split(/[:-]/), (pair) => Number.parseInt(pair, 16));
  }
  throw badAddress(`parsing a MAC address: ${JSON.stringify(text)} is none; write 02:00:00:00:00:01`);
}

/** The bytes of a MAC address given in either form; throws {@link PacketError} when it is none. */
export function macBytes(mac: MacLike): Uint8Array {
  if (typeof mac === "string") return parseMac(mac);
  if (mac.length === 6) return mac;
  throw badAddress(`reading a MAC address: ${mac.length} bytes are none; give 6`);
}

/** The text of a MAC address: lower case, colons. */
export function formatMac(mac: MacLike): string {
  return Array.from(macBytes(mac), (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
