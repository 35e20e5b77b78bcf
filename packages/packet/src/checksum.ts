// The internet checksum (RFC 1071), its incremental update (RFC 1624) and the pseudo headers that TCP, UDP
// and ICMPv6 count in. Plain twins of what the data plane does in a few instructions.
import type { AddressLike } from "./address.ts";
import { addressBytes } from "./address.ts";
import { u8, u16 } from "./bytes.ts";

/** Adds the big-endian 16-bit words of `bytes` to `initial`, unfolded; an odd last byte is the high half of a word. */
export function sumWords(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  const even = bytes.length & ~1;
  for (let offset = 0; offset < even; offset += 2) sum += u16(bytes, offset);
  return even === bytes.length ? sum : sum + (u8(bytes, even) << 8);
}

/** Folds a sum of words to 16 bits by adding the carries back in (end-around carry, RFC 1071 §2). */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

/** The internet checksum of `bytes`, `initial` being a sum to start from (a pseudo header). RFC 1071. */
export function internetChecksum(bytes: Uint8Array, initial = 0): number {
  return ~foldSum(sumWords(bytes, initial)) & 0xffff;
}

/**
 * The checksum after `before` was replaced by `after` in the bytes it covers: HC' = ~(~HC + ~m + m'), equation 3 of
 * RFC 1624. Both must start at an even offset of the covered bytes; they are padded to whole words.
 */
export function updateChecksum(checksum: number, before: Uint8Array, after: Uint8Array): number {
  const removed = ~foldSum(sumWords(before)) & 0xffff;
  return ~foldSum((~checksum & 0xffff) + removed + sumWords(after)) & 0xffff;
}

/** The unfolded sum of a pseudo header: RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6. `length` in bytes. */
export function pseudoHeaderSum(
  source: AddressLike,
  destination: AddressLike,
  protocol: number,
  length: number,
): number {
  const addresses = sumWords(addressBytes(source), sumWords(addressBytes(destination)));
  return addresses + protocol + (length >>> 16) + (length & 0xffff);
}

/** A computed checksum as UDP sends it: 0 means "none" there, so a computed 0 goes out as 0xffff (RFC 768). */
export function udpChecksumOnWire(checksum: number): number {
  return checksum === 0 ? 0xffff : checksum;
}
