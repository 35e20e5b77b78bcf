// Internet checksums, of what lies in memory and incremental (RFC 1624, equation 3). Works on the bytes as they are:
// one's-complement sums do not care for byte order as long as all operands share it (RFC 1071, 2B).

import { constant, type Operand } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { callHelper } from "./helper.ts";
import { callerPosition } from "./position.ts";
import { addressOf, PLACE } from "./reference.ts";
import { type Int, Net } from "./scalar.ts";
import { type BytesReference, u64 } from "./types.ts";

/** enum bpf_func_id, include/uapi/linux/bpf.h. */
const CSUM_DIFF = 28;
/** Both sides together (bpf_csum_diff, net/core/filter.c, before Linux 6.13; MAX_BPF_STACK, include/linux/filter.h). */
export const MAX_SUMMED_BYTES = 512;

/** A checksum being updated. */
export interface ChecksumUpdate extends ChecksumChange {
  /** Accounts for one field of the covered data that changes from `before` to `after`. */
  replace<K extends "be16" | "be32">(before: Net<K>, after: Net<NoInfer<K>>): ChecksumUpdate;
  /** Accounts for a change that several checksums share. */
  plus(change: ChecksumChange): ChecksumUpdate;
  /** The new checksum; of a sum that starts from nothing, the checksum of what was added. */
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

/** What `checksumDifference` compares, and what the result is added to. */
export interface Difference {
  readonly from?: BytesReference | undefined;
  readonly to?: BytesReference | undefined;
  readonly seed?: Int<"u32"> | undefined;
}

/**
 * The sum of the bytes of `to` less that of `from`, on top of `seed` (bpf_csum_diff): what putting the one in the place
 * of the other does to a checksum. Of `to` alone it is a sum that starts from nothing. The bytes lie in the packet, the
 * frame or a map; `viewAs(reference, Type, bytes(Type.size))` makes them of a structure. Their sizes are multiples
 * of 4, 512 together at most. Kernels differ in how far they fold the sum; what `fold()` gives is the same number, of
 * which 0 and 0xffff are two ways to write one.
 */
export function checksumDifference({ from, to, seed }: Difference): ChecksumUpdate {
  const sizes = [from?.size ?? 0, to?.size ?? 0] as const;
  if (sizes.some((size) => size % 4 !== 0) || sizes[0] + sizes[1] > MAX_SUMMED_BYTES) {
    const limits = `multiples of 4 and ${MAX_SUMMED_BYTES} together at most are wanted`;
    throw new BuildError("YM_BUILD_RANGE", `sums of ${sizes.join(" and ")} bytes: ${limits}`, callerPosition());
  }
  const side = (of: BytesReference | undefined): Operand[] =>
    of === undefined ? [constant(0), constant(0)] : [addressOf(of[PLACE]), constant(of.size)];
  return update(callHelper(CSUM_DIFF, [...side(from), ...side(to), seed?.operand() ?? constant(0)]));
}

/** A checksum in the making whose sum so far is `sum`, below 2^36. */
export function update(sum: Int<"u64">): ChecksumUpdate {
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
