// What opening a connection can come to, as numbers that functions of a program return.

/** It worked; anything else is a reason's code plus one. */
export const OPENED = 0;
/** A connection is described and has yet to be put into the table. */
export const READY = 0xfffe;
/** It is in the table, and the entry for its replies is not. */
export const INSERTED = 0xfffd;
/** The connection's destination is gone, and the client is to be told by a reset. */
export const RESET = 0xfffa;
/** The connection that the packet found has ended: open another. */
export const SUPERSEDED = 0xfffc;

/** What stands for a failure with this reason. */
export function failure(reason: { readonly code: number }): number {
  return reason.code + 1;
}

/** -EEXIST as a map's update returns it. */
export const EXISTS = -17 >>> 0;
