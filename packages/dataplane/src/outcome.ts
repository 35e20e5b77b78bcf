// What opening a connection can come to, as numbers that functions of a program return.

/** It worked; anything else is a reason's code plus one. */
export const OPENED = 0;

/** What stands for a failure with this reason. */
export function failure(reason: { readonly code: number }): number {
  return reason.code + 1;
}

/** -EEXIST as a map's update returns it. */
export const EXISTS = -17 >>> 0;
