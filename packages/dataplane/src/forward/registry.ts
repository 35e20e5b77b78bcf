// All forwarding methods by name. Adding one is a file, a line here and its traits.

import { directRouting } from "./direct-routing.ts";
import { fullNat } from "./full-nat.ts";
import type { ForwardingMethod } from "./method.ts";
import { nat } from "./nat.ts";
import { tun } from "./tun.ts";
import type { MethodName } from "./traits.ts";

export const methods: Readonly<Record<MethodName, ForwardingMethod>> = {
  nat,
  tun,
  dr: directRouting,
  fullnat: fullNat,
};
