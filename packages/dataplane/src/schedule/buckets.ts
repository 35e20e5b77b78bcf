// What sh and dh share: a table of 256 buckets, and the bucket of an address.

import type { Int } from "@yardmaster/ebpf";

/** Buckets (IP_VS_SH_TAB_SIZE and IP_VS_DH_TAB_SIZE with the kernel's default of 8 bits). */
export const BUCKETS = 256;
const BUCKET_BITS = Math.log2(BUCKETS);
/** GOLDEN_RATIO_32 (include/linux/hash.h). */
const GOLDEN_RATIO = 0x61c8_8647;

/** The bucket of a key: an address folded to 32 bits, the port added to it where that counts. */
export function bucketOf(key: number): number {
  return Math.imul(key, GOLDEN_RATIO) >>> (32 - BUCKET_BITS);
}

/** The same in a program. */
export function stagedBucketOf(key: Int<"u32">): Int<"u32"> {
  return key.mul(GOLDEN_RATIO).shr(32 - BUCKET_BITS);
}
