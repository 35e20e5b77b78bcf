// Addresses as the programs see them: sixteen bytes, IPv4 in its mapped form (RFC 4291, 2.5.5.2), so that one map of
// prefixes serves both families.
import { be32, list, struct } from "@yardmaster/ebpf";
import { type AddressLike, addressBytes, addressWords, concat, type Prefix } from "@yardmaster/packet";

/** Sixteen bytes as four words in network order. */
export const Address = struct("address", { words: list(be32, 4) });

/** The third word of `::ffff:0:0/96`, under which IPv4 addresses lie. */
export const MAPPED_WORD = 0xffff;
const MAPPED_START = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** The key of a prefix in a map over `Address`. */
export function prefixKey({ address, length }: Prefix) {
  const prefixLength = address.length === 4 ? length + MAPPED_START.length * 8 : length;
  return { prefixLength, data: { words: wordsOf(address) } };
}

/** The four words of an address of either family. */
export function wordsOf(address: AddressLike): number[] {
  const bytes = addressBytes(address);
  return addressWords(bytes.length === 4 ? concat(MAPPED_START, bytes) : bytes);
}
