// What functions of the road can come to, as the numbers that they return.

import { drop, guard, type Int, leave, pass, when } from "@yardmaster/ebpf";
import { firstDropCode } from "./reasons.ts";

/** It worked; anything else is a reason's code plus one. */
export const OPENED = 0;
/** The next hop is known: as OPENED it means that there is nothing more to say. */
export const RESOLVED = 0;
/** The kernel has yet to resolve the next hop. */
export const UNRESOLVED = 0xfffb;
/** tc: the next hop is known, and the stack has yet to resolve it. */
export const WAITS = 0xfff9;
/** A connection is described and has yet to be put into the table. */
export const READY = 0xfffe;
/** It is in the table, and the entry for its replies is not. */
export const INSERTED = 0xfffd;
/** The connection's destination is gone, and the client is to be told by a reset. */
export const RESET = 0xfffa;
/** The connection that the packet found has ended: open another. */
export const SUPERSEDED = 0xfffc;

/** Another CPU was quicker: the flow has a connection. */
export const OCCUPIED = 0xfff8;

/** What stands for a failure with this reason. */
export function failure(reason: { readonly code: number }): number {
  return reason.code + 1;
}

/** Leaves for the reason in `outcome`, unless it is OPENED. */
export function leaveUnless(outcome: Int<"u32">): void {
  when(outcome.ne(OPENED), () => {
    const code = outcome.sub(1);
    guard(code.lt(firstDropCode)).orLeave(drop(code));
    leave(pass(code));
  });
}

/** -EEXIST as a map's update returns it. */
export const EXISTS = -17 >>> 0;
