// IP addresses between text and bytes, as netlink needs them. Wire formats have their own package; this one
// sits below it and knows only enough to talk to the kernel.

import { isIPv4, isIPv6 } from "node:net";

/** The code of the digit; that of the dot is below. */
const ZERO = 0x30;

/** AF_INET and AF_INET6 (include/linux/socket.h). */
export const AF_INET = 2;
export const AF_INET6 = 10;

/** Bytes of an address in network order: 4 or 16 of them. Throws when `text` is no address. */
export function addressBytes(text: string): Uint8Array {
  if (isIPv4(text)) {
    const bytes = new Uint8Array(4);
    text.split(".").forEach((part, at) => (bytes[at] = Number(part)));
    return bytes;
  }
  if (!isIPv6(text) || text.includes("%")) throw new RangeError(`reading an address: "${text}" is no IP address`);
  // The URL parser writes every IPv6 address in the form of RFC 5952, without dotted quads.
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...new Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  );
}

/** The big-endian number that an IPv4 address spells. Throws when `text` is none. */
export function ipv4Number(text: string): number {
  if (!isIPv4(text)) throw new RangeError(`reading an address: "${text}" is no IPv4 address`);
  let number = 0;
  let part = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit >= 0) part = part * 10 + digit;
    else [number, part] = [number * 256 + part, 0];
  }
  return number * 256 + part;
}

/** Text of an address of 4 or 16 bytes in network order. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length !== 16) throw new RangeError(`writing an address: ${bytes.length} bytes are no IP address`);
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** AF_INET or AF_INET6, by the length of an address. */
export function familyOf(bytes: Uint8Array): number {
  return bytes.length === 4 ? AF_INET : AF_INET6;
}

/** Text of a link-layer address: "02:00:00:00:00:01". */
export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
