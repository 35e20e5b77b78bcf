// Places in memory that a program may touch, and references to structures there: reading a field is
// the load, assigning it is the store. What the verifier wants to know about a place is kept with it.

import { formatPosition, type MemorySize, type SourcePosition } from "../asm/index.ts";
import type { Constant, StackSlot, VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { assertOwner, builder, type FunctionBuilder } from "./builder.ts";
import { callerPosition } from "./position.ts";

/** Whether packet references are still good; `adjustHead` and `adjustTail` make a new one and note where. */
export interface Epoch {
  endedAt: SourcePosition | undefined;
  isOver: boolean;
}

/** An address that the verifier will accept: base, distance, and whose it is. */
export interface Place {
  readonly base: VirtualRegister | StackSlot;
  readonly offset: number;
  readonly owner: FunctionBuilder;
  readonly what: string;
  readonly madeAt: SourcePosition | undefined;
  /** Only of places in the packet. */
  readonly epoch?: Epoch | undefined;
  /** Of an address that may lie in a frame, somebody's: what it is sure to be a multiple of, offset aside. */
  readonly alignment?: number;
  /**
   * What a global function got: memory of which the verifier knows the size alone. Before Linux 6.2 maps take no keys
   * and values from there (map_key_value_types, kernel/bpf/verifier.c).
   */
  readonly isUntraced?: true;
}

/** The key under which a reference keeps its place. */
export const PLACE = Symbol("place");

/** Anything with an address: structures, byte strings and arrays in memory. */
export interface Located {
  readonly [PLACE]: Place;
}

/** A place of the current function. */
export function place(base: VirtualRegister | StackSlot, what: string, epoch?: Epoch): Place {
  return { base, offset: 0, owner: builder(), what, madeAt: callerPosition(), epoch };
}

/** A place that came by its address, out of a frame or from elsewhere, with a structure of this alignment there. */
export function placeOfAddress(base: VirtualRegister, what: string, alignment: number, epoch?: Epoch): Place {
  return epoch === undefined ? { ...place(base, what), alignment } : place(base, what, epoch);
}

/** The place `bytes` further on. */
export function within(at: Place, bytes: number): Place {
  return bytes === 0 ? at : { ...at, offset: at.offset + bytes };
}

/** Throws when `at` must not be touched here and now. */
export function assertReachable(at: Place): void {
  assertOwner(at.owner, at.what, at.madeAt);
  if (at.epoch?.isOver !== true) return;
  const made = at.madeAt === undefined ? "" : ` (read at ${formatPosition(at.madeAt)})`;
  const since = at.epoch.endedAt === undefined ? "" : ` (${formatPosition(at.epoch.endedAt)})`;
  throw new BuildError(
    "YM_BUILD_STALE",
    `${at.what}${made} is stale after the packet's bounds changed${since}; read it again`,
    callerPosition(),
  );
}

/** Throws when `at` lies in the packet: `callee`, a function in quotes, moves its bounds and could not tell. */
export function assertOutsidePacket(at: Place, callee: string): void {
  if (at.epoch === undefined) return;
  const message = `${at.what} lies in the packet, whose bounds ${callee} moves; pass a copy in the frame`;
  throw new BuildError("YM_BUILD_STALE", message, callerPosition());
}

/** Loads `size` bytes, zero-extended. */
export function loadAt(at: Place, size: MemorySize): VirtualRegister {
  assertReachable(at);
  const target = builder().register();
  builder().emit({ kind: "load", target, base: at.base, offset: at.offset, size });
  return target;
}

/** Stores the low `size` bytes of `value`. */
export function storeAt(at: Place, size: MemorySize, value: VirtualRegister | Constant): void {
  assertReachable(at);
  const isImmediate = value.kind === "constant" && (size < 8 || BigInt.asIntN(32, value.value) === value.value);
  let from = value;
  if (value.kind === "constant" && !isImmediate) {
    const target = builder().register();
    builder().emit({ kind: "move", target, from: value, width: 64 });
    from = target;
  }
  builder().emit({ kind: "store", base: at.base, offset: at.offset, size, value: from });
}

/** The address itself, as an argument of helpers. */
export function addressOf(at: Place): VirtualRegister | StackSlot {
  assertReachable(at);
  if (at.offset === 0) return at.base;
  const target = builder().register();
  if (at.base.kind === "stack") {
    builder().emit({ kind: "move", target, from: at.base, width: 64 });
    builder().emit({
      kind: "alu",
      operator: "add",
      width: 64,
      target,
      left: target,
      right: { kind: "constant", value: BigInt(at.offset) },
    });
  } else {
    builder().emit({
      kind: "alu",
      operator: "add",
      width: 64,
      target,
      left: at.base,
      right: { kind: "constant", value: BigInt(at.offset) },
    });
  }
  return target;
}

/** Slots of the frame begin at multiples of this, in bytes. */
const SLOT_ALIGNMENT = 8;

/** Whether `width` bytes may be moved at once: of a frame only where they are aligned, of other memory anywhere. */
function isAligned(at: Place, width: number): boolean {
  const alignment = at.base.kind === "stack" ? SLOT_ALIGNMENT : at.alignment;
  return alignment === undefined || (width <= alignment && at.offset % width === 0);
}

/** Copies `bytes` bytes with the widest moves that fit; frames take aligned ones only. */
export function copyBytes(to: Place, from: Place, bytes: number): void {
  for (let done = 0; done < bytes; ) {
    const fits = (width: number) =>
      width <= bytes - done && isAligned(within(to, done), width) && isAligned(within(from, done), width);
    const size: MemorySize = ([8, 4, 2] as const).find(fits) ?? 1;
    storeAt(within(to, done), size, loadAt(within(from, done), size));
    done += size;
  }
}
