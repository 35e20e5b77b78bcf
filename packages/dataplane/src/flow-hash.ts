// A number that tells a flow from others: the same for all of its packets, spread over all 32 bits.

import type { Int, Reference } from "@yardmaster/ebpf";
import { type Address, wordsOf } from "./address.ts";
import type { Ports } from "./headers.ts";

/** 2^32 divided by the golden ratio, and a prime near it (multiplicative hashing, Knuth volume 3 §6.4). */
const MULTIPLIERS = [0x9e37_79b1, 0x85eb_ca6b] as const;

/** Of the packet's addresses and ports, as they lie in memory; its upper bits are the better ones. */
export function flowHash(
  { source, destination }: { readonly source: Address; readonly destination: Address },
  ports: Reference<typeof Ports.fields>,
): Int<"u32"> {
  const [first, ...rest] = [source, destination].flatMap(wordsOf).map((word) => word.raw());
  const addresses = rest.reduce((sum: Int<"u32">, word) => sum.xor(word), first as Int<"u32">);
  const both = ports.source.raw().toU32().or(ports.destination.raw().toU32().shl(16));
  const mixed = addresses.mul(MULTIPLIERS[0]).xor(both);
  return mixed.xor(mixed.shr(15)).mul(MULTIPLIERS[1]);
}
