// Calls into the kernel, and atomic operations: what programs do besides computing.

import type { AtomicOperation } from "../asm/index.ts";
import { constant, type Operand, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { builder } from "./builder.ts";
import { callerPosition } from "./position.ts";
import { addressOf, assertReachable, type Located, PLACE, within } from "./reference.ts";
import { Int, inRegister, operandOf } from "./scalar.ts";
import type { Fields, Struct } from "./struct.ts";

// enum bpf_func_id, include/uapi/linux/bpf.h
const KTIME_GET_NS = 5;
const GET_PRANDOM_U32 = 7;
const GET_SMP_PROCESSOR_ID = 8;
const REDIRECT = 23;
const FIB_LOOKUP = 69;
const JIFFIES64 = 118;

/** MAX_BPF_FUNC_REG_ARGS, include/linux/bpf.h. */
const MAX_ARGUMENTS = 5;

/** Calls helper `id`; at most five arguments. The result is r0 as an unsigned 64-bit number. */
export function callHelper(id: number, args: Operand[]): Int<"u64"> {
  if (args.length > MAX_ARGUMENTS) {
    const message = `helper ${id} is called with ${args.length} arguments; registers r1–r5 hold five`;
    throw new BuildError("YM_BUILD_ARGUMENTS", message, callerPosition());
  }
  const target = builder().register();
  builder().emit({ kind: "call", helper: id, arguments: args, target });
  return new Int("u64", target);
}

/** Ticks since boot, CONFIG_HZ of them a second. JITs on 64-bit machines make it a plain load. */
export function jiffies64(): Int<"u64"> {
  return callHelper(JIFFIES64, []);
}

/** Nanoseconds since boot, without the time the machine slept. */
export function ktimeGetNs(): Int<"u64"> {
  return callHelper(KTIME_GET_NS, []);
}

/** A pseudo-random 32-bit number. */
export function randomU32(): Int<"u32"> {
  return callHelper(GET_PRANDOM_U32, []).toU32();
}

/** The CPU that runs the program. */
export function processorId(): Int<"u32"> {
  return callHelper(GET_SMP_PROCESSOR_ID, []).toU32();
}

/** Asks for the packet to be sent out of interface `ifindex`; its result is the verdict to end with. */
export function redirect(ifindex: Int<"u32">): Int<"u32"> {
  return callHelper(REDIRECT, [ifindex.operand(), constant(0)]).toU32();
}

/**
 * Looks a route and the neighbour of its next hop up (struct bpf_fib_lookup in `parameters`, 64 bytes,
 * which the kernel fills in). Returns a BPF_FIB_LKUP_RET_ code, 0 for success, or a negative errno.
 */
export function fibLookup(
  packet: { readonly context: VirtualRegister },
  parameters: Located,
  flags: number,
): Int<"u64"> {
  return callHelper(FIB_LOOKUP, [packet.context, addressOf(parameters[PLACE]), constant(64), constant(flags)]);
}

type WideFields<F> = { [N in keyof F]: F[N] extends { readonly kind: "u32" | "u64" } ? N : never }[keyof F] & string;

/** Atomic operations on one 32- or 64-bit field of a structure in memory. */
export function atomic<F extends Fields, N extends WideFields<F>>(
  reference: Located & { [K in N]: unknown },
  type: Struct<F>,
  field: N,
) {
  const at = within(reference[PLACE], type.offsets[field]);
  const size = (type.fields[field] as { size: number }).size as 4 | 8;
  const kind = size === 8 ? "u64" : "u32";
  type Value = Int<F[N] extends { readonly kind: "u64" } ? "u64" : "u32">;
  const emit = (
    operator: AtomicOperation,
    value: Int | number | bigint,
    options: { fetch: boolean; expected?: Int | number | bigint },
  ) => {
    assertReachable(at);
    const build = builder();
    const target = options.fetch ? build.register() : undefined;
    const expected = options.expected === undefined ? undefined : inRegister(operandOf(options.expected, size * 8));
    const register = inRegister(operandOf(value, size * 8));
    build.emit({ kind: "atomic", operator, size, base: at.base, offset: at.offset, value: register, target, expected });
    return target;
  };
  const fetching = (
    operator: AtomicOperation,
    value: Int | number | bigint,
    expected?: Int | number | bigint,
  ): Value => {
    const target = emit(operator, value, expected === undefined ? { fetch: true } : { fetch: true, expected });
    if (target === undefined) throw new Error("a fetching operation has a target");
    // The kernel's JIT for x86 may leave old bits above a 32-bit compare-and-exchange (seen on 6.18).
    const isNarrowExchange = operator === "cmpxchg" && size === 4;
    return (isNarrowExchange ? new Int("u64", target).toU32() : new Int(kind, target)) as Value;
  };
  return {
    /** Adds, wrapping around; nobody learns the old value. */
    add: (value: Int | number | bigint): void => void emit("add", value, { fetch: false }),
    /** Adds and returns the value before. */
    fetchAdd: (value: Int | number | bigint): Value => fetching("add", value),
    fetchOr: (value: Int | number | bigint): Value => fetching("or", value),
    fetchAnd: (value: Int | number | bigint): Value => fetching("and", value),
    /** Stores and returns the value before. */
    exchange: (value: Int | number | bigint): Value => fetching("xchg", value),
    /** Stores `value` if the field is `expected`; returns what was there before. */
    compareExchange: (expected: Int | number | bigint, value: Int | number | bigint): Value =>
      fetching("cmpxchg", value, expected),
  };
}
