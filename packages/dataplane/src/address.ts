// Addresses of both families as programs see them: one or four words in network order, so that the code of the
// road is written once and built for each family.

import { type ArrayReference, be32, type Bool, type DataType, type Int, list, type Net } from "@yardmaster/ebpf";

/** An address in memory: its 32-bit words, the first on the wire first. */
export type Address = ArrayReference<Net<"be32">>;
/** Words of an address as JavaScript numbers, in the order of the wire: one for IPv4, four for IPv6. */
export type AddressWords = readonly number[];

/** Words of the longest address. */
export const LONGEST = 4;

/** The type of addresses of so many words: 4 bytes a word, aligned to 4. */
export function addressType(words: number): DataType<number[], Address> {
  return list(be32, words);
}

/** Room for an address of either family; IPv4 uses the first word, the others are 0. */
export const AnyAddress = addressType(LONGEST);

/** The words of an address, each loaded now. */
export function wordsOf(address: Address): Net<"be32">[] {
  return Array.from({ length: address.length }, (_, index) => address.at(index));
}

/**
 * Whether two addresses of one family are equal. Word by word into one number: comparisons one after another would load
 * all words first, and registers are few.
 */
export function isSameAddress(a: Address, b: Address): Bool {
  let difference = a.at(0).raw().xor(b.at(0).raw());
  for (let index = 1; index < Math.min(a.length, b.length); index++) {
    difference = difference.or(a.at(index).raw().xor(b.at(index).raw()));
  }
  return difference.eq(0);
}

/** Copies an address into a place that may be longer; what is over there becomes 0. */
export function copyAddress(to: Address, from: Address): void {
  for (let index = 0; index < to.length; index++) to.set(index, index < from.length ? from.at(index) : 0);
}

/** One number for an address: the exclusive or of its words in host order (IPVS's folding of IPv6 addresses). */
export function fold(address: Address): Int<"u32"> {
  const [first, ...rest] = wordsOf(address) as [Net<"be32">, ...Net<"be32">[]];
  if (rest.length === 0) return first.toHost();
  return rest.reduce((sum, word) => sum.xor(word.toHost()), first.toHost().xor(0));
}
