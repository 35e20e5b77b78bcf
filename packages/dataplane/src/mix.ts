// A hash of words, one after another.

import type { Int } from "@yardmaster/ebpf";

/** One round: multiplications spread upwards, shifts bring what is above down. */
export function mix(word: Int<"u32">): Int<"u32"> {
  const once = word.mul(0x9e37_79b1);
  const twice = once.xor(once.shr(16)).mul(0x85eb_ca6b);
  return twice.xor(twice.shr(13));
}
