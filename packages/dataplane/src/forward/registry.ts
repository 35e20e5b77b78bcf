// All forwarding methods by name. Adding one is a file and a line here.

import { directRouting } from "./direct-routing.ts";
import type { ForwardingMethod, MethodName } from "./method.ts";
import { nat } from "./nat.ts";
import { tun } from "./tun.ts";

export const methods: Readonly<Record<MethodName, ForwardingMethod>> = { nat, tun, dr: directRouting };

/** Whether any of these has a way back through the director. */
export function hasReplies(names: readonly MethodName[]): boolean {
  return names.some((name) => methods[name].hasReplies);
}
