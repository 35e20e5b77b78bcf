// The life word of connections and templates: when they end and what state they are in, in one word that changes in one
// step.

import type { Bool, Int, Reference } from "@yardmaster/ebpf";
import type { Family } from "./family.ts";

/** A flow and a connection, of the family that the code is built for. */
export type FlowReference = Reference<Family["FlowKey"]["fields"]>;
export type ConnectionReference = Reference<Family["Connection"]["fields"]>;

/** Values of `direction`. */
export const REQUEST = 0;
export const REPLY = 1;
/** The life word: expiry tick low, state high. */
export function lifeOf(expiresAt: Int<"u32">, state: Int<"u32">): Int<"u64"> {
  return state.toU64().shl(32).or(expiresAt);
}

/** The state in a life word. */
export function stateOf(life: Int<"u64">): Int<"u32"> {
  return life.shr(32).and(15).toU32();
}

/** Whether a connection's time is up: such an entry counts as absent, whoever finds it. */
export function isExpired(life: Int<"u64">, now: Int<"u32">): Bool {
  return life.toU32().sub(now).sub(1).isNegative();
}
