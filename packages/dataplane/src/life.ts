// The life word of connections and templates: when they end, what state they are in, and how many connections a
// template has, in one word that changes in one step.

import type { Bool, Int, Reference } from "@yardmaster/ebpf";
import type { Family } from "./family.ts";

/** A flow and a connection, of the family that the code is built for. */
export type FlowReference = Reference<Family["FlowKey"]["fields"]>;
export type ConnectionReference = Reference<Family["Connection"]["fields"]>;

/** Values of `direction`. */
export const REQUEST = 0;
export const REPLY = 1;

/** Where in a template's life word the connections under it are counted. */
export const CONTROLLED_SHIFT = 36n;

/** The life word: expiry tick in bits 0–31, state in bits 32–35. */
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

/** Connections under the template whose life word this is. */
export function controlledOf(life: Int<"u64">): Int<"u32"> {
  return life.shr(Number(CONTROLLED_SHIFT)).toU32();
}

/** What a life word says, read from a map: the tick at which it ends, the state, and of templates their connections. */
export function readLife(life: bigint): {
  readonly expiresAt: number;
  readonly state: number;
  readonly controlled: number;
} {
  const expiresAt = Number(life & 0xffff_ffffn);
  return { expiresAt, state: Number(life >> 32n) & 15, controlled: Number(life >> CONTROLLED_SHIFT) };
}
