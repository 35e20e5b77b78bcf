// MAC addresses as numbers, for tables of the simulated network: 48 bits fit a JavaScript number exactly.

/** The number that the 6 bytes at `offset` spell. */
export function macKey(bytes: Uint8Array, offset = 0): number {
  let key = 0;
  for (let index = offset; index < offset + 6; index++) key = key * 256 + (bytes[index] ?? 0);
  return key;
}
