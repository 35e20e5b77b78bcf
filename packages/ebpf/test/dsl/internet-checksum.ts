// The internet checksum as RFC 1071 defines it, for tests to compare with.

/** Of all of `data`; an odd last byte counts as if a zero followed. */
export function internetChecksum(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 2) sum += ((data[at] as number) << 8) | (data[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
