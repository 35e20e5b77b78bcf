// A number that tells a flow from others: the same for all of its packets, spread over all 32 bits.

import type { Int } from "@yardmaster/ebpf";
import { type Address, wordsOf } from "./address.ts";

/** 2^32 divided by the golden ratio, and a prime near it (multiplicative hashing, Knuth volume 3 §6.4). */
const MULTIPLIERS = [0x9e37_79b1, 0x85eb_ca6b] as const;

/** Of the packet's addresses and its two ports, as they lie in memory; its upper bits are the better ones. */
export function flowHash(
  { source, destination }: { readonly source: Address; readonly destination: Address },
  ports: Int<"u32">,
): Int<"u32"> {
  const [first, ...rest] = [source, destination].flatMap(wordsOf).map((word) => word.raw());
  const addresses = rest.reduce((sum: Int<"u32">, word) => sum.xor(word), first as Int<"u32">);
  const mixed = addresses.mul(MULTIPLIERS[0]).xor(ports);
  return mixed.xor(mixed.shr(15)).mul(MULTIPLIERS[1]);
}
