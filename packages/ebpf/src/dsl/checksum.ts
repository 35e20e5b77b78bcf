// Incremental internet checksums (RFC 1624, equation 3). Works on the bytes as they lie in memory:
// one's-complement sums do not care for byte order as long as all operands share it (RFC 1071, 2B).

import { type Int, Net } from "./scalar.ts";
import { u64 } from "./types.ts";

/** A checksum being updated. */
export interface ChecksumUpdate extends ChecksumChange {
  /** Accounts for one field of the covered data that changes from `before` to `after`. */
  replace<K extends "be16" | "be32">(before: Net<K>, after: Net<NoInfer<K>>): ChecksumUpdate;
  /** Accounts for a change that several checksums share. */
  plus(change: ChecksumChange): ChecksumUpdate;
  /** The new checksum. */
  fold(): Net<"be16">;
}

/** What a change of covered data does to a checksum: an unfolded one's-complement sum. */
export interface ChecksumChange {
  readonly sum: Int<"u64">;
}

/** Starts from the checksum in the packet, which must be right for the result to be right. */
export function checksum(current: Net<"be16">): ChecksumUpdate {
  return update(current.raw().xor(0xffff).toU64());
}

/** Collects changes without a checksum, to be added to several with `plus`. */
export function checksumChange(): Pick<ChecksumUpdate, "replace"> {
  return update(u64(0));
}

function update(sum: Int<"u64">): ChecksumUpdate {
  return {
    sum,
    replace(before, after) {
      const ones = before.kind === "be16" ? 0xffff : 0xffff_ffff;
      const removed = (before.raw() as Int<"u32">).xor(ones);
      return update(
        removed
          .toU64()
          .add(sum)
          .add((after.raw() as Int<"u32">).toU64()),
      );
    },
    plus: (change) => update(sum.add(change.sum)),
    fold() {
      // The sum is below 2^36, folded twice at most 0x10010: then the carry is added, and cut off.
      let folded: Int<"u64"> = sum;
      for (let round = 0; round < 2; round++) folded = folded.and(0xffff).add(folded.shr(16));
      folded = folded.add(folded.shr(16));
      return new Net("be16", folded.toU16().xor(0xffff).operand());
    },
  };
}
