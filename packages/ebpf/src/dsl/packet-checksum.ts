// The checksum of a stretch of the packet whose length only the running program knows. The verifier does not relate a
// length in a register to what has been compared with the packet's end, so the stretch is taken apart: a piece of 512
// bytes where the length has that bit, one of 256, and so on. Each piece has a constant length and a check of its own.

import { constant, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { builder } from "./builder.ts";
import { checksumDifference, type ChecksumUpdate, MAX_SUMMED_BYTES, update } from "./checksum.ts";
import { variable, when } from "./control.ts";
import { Maybe } from "./maybe.ts";
import { callerPosition } from "./position.ts";
import { assertReachable, loadAt, type Place, PLACE, within } from "./reference.ts";
import { Bool, Int, inRegister } from "./scalar.ts";
import { u64 } from "./types.ts";

/** More than a frame of Ethernet holds. */
const LONGEST = 2047;

/** Whether `bytes` bytes at `start` end before or at `end`; the verifier learns it of pointers made from `start`. */
export function fitsBefore(end: VirtualRegister, start: Place, bytes: number): Bool {
  const last = advanced(start.base as VirtualRegister, start.offset + bytes);
  return new Bool({ kind: "compare", comparison: { operator: "jle", width: 64, left: last, right: end } });
}

/** The checksum of `size` bytes from `start`; absent where they are more than `atMost` or reach beyond `end`. */
export function packetChecksum(
  { start, end }: { readonly start: Place; readonly end: VirtualRegister },
  size: Int,
  atMost: number,
): Maybe<ChecksumUpdate> {
  if (!Number.isInteger(atMost) || atMost < 1 || atMost > LONGEST) {
    const message = `a checksum of up to ${atMost} bytes: a whole number from 1 to ${LONGEST} is wanted`;
    throw new BuildError("YM_BUILD_RANGE", message, callerPosition());
  }
  assertReachable(start);
  const widest = 1 << Math.floor(Math.log2(atMost));
  // Where `size` is not too large this is the same number; in itself it has a bound that the verifier sees.
  const bounded = size.and(2 * widest - 1);
  const isShort = size.le(atMost);
  const fits = isShort.and(fitsBefore(end, behind(start, bounded), 0));
  return new Maybe(fits, () => {
    const sum = variable(u64(0));
    for (let width = widest; width >= 1; width /= 2) {
      when(bounded.and(width).ne(0), () => {
        const piece = width === widest ? start : behind(start, bounded.and((2 * widest - 1) & ~(2 * width - 1)));
        when(fitsBefore(end, piece, width), () => sum.set(added(sum.get(), piece, width)));
      });
    }
    return update(sum.get());
  });
}

/** `sum` and the `width` bytes at `piece`, a power of two. A last odd byte counts as if a zero followed (RFC 1071). */
function added(sum: Int<"u64">, piece: Place, width: number): Int<"u64"> {
  if (width < 4) return sum.add(new Int("u64", loadAt(piece, width as 1 | 2)));
  let result = sum;
  for (let done = 0; done < width; done += MAX_SUMMED_BYTES) {
    const to = { [PLACE]: within(piece, done), size: Math.min(width, MAX_SUMMED_BYTES) };
    result = checksumDifference({ to, seed: result.toU32() }).sum;
  }
  return result;
}

/** The place a staged number of bytes behind `start`. */
function behind(start: Place, bytes: Int): Place {
  const base = builder().register();
  const left = inRegister(bytes.operand());
  builder().emit({ kind: "alu", operator: "add", width: 64, target: base, left, right: start.base as VirtualRegister });
  return { ...start, base };
}

function advanced(base: VirtualRegister, bytes: number): VirtualRegister {
  const target = builder().register();
  builder().emit({ kind: "alu", operator: "add", width: 64, target, left: base, right: constant(bytes) });
  return target;
}
