// Sums as Internet checksums are made of (RFC 1071), for the helpers and for the state of socket buffers.

/** The 16 bits of a sum below 2^33: its carries are added until none is left. */
export function fold16(value: number): number {
  let folded = value;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return folded;
}

/** The folded sum of bytes as 16-bit words in network order; a last odd byte counts as if a zero followed. */
export function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return fold16(sum);
}

/** A 16-bit number with its bytes exchanged: sums of words in one order, in the other (RFC 1071, 2B). */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}
