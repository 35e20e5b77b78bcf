// All forwarding methods by name. Adding one is a file and a line here.

import { directRouting } from "./direct-routing.ts";
import { fullNat } from "./full-nat.ts";
import type { ForwardingMethod, MethodName } from "./method.ts";
import { nat } from "./nat.ts";
import { tun } from "./tun.ts";

export const methods: Readonly<Record<MethodName, ForwardingMethod>> = {
  nat,
  tun,
  dr: directRouting,
  fullnat: fullNat,
};

/** Whether any of these has a way back through the director. */
export function hasReplies(names: readonly MethodName[]): boolean {
  return names.some((name) => methods[name].hasReplies);
}

/** Whether servers of any of these answer to addresses of the director's own. */
export function hasLocalAddress(names: readonly MethodName[]): boolean {
  return names.some((name) => methods[name].hasLocalAddress);
}

/** Those whose servers answer to the client's address, through the director. */
export function answeringClients(names: readonly MethodName[]): MethodName[] {
  return names.filter((name) => methods[name].hasReplies && !methods[name].hasLocalAddress);
}
