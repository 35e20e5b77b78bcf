// Which packets of no connection are to come again, while the table of the program before is being copied.

import { shapeOf } from "../compiled.ts";
import type { BalancerPlan } from "../plan.ts";
import { type Destination, isOfServer } from "./destination.ts";
import { mayBeLocalPort } from "./local-ports.ts";
import type { ReadFrame } from "./read-frame.ts";
import type { Service } from "./reference-connection.ts";

/** Whether a packet, maybe for a service, is one of these: it may have a connection that is not there yet. */
export function isHeld(
  plan: BalancerPlan,
  { now, destinations }: { readonly now: number; readonly destinations: readonly Destination[] },
  read: ReadFrame,
  service: Service | undefined,
): boolean {
  const { features, methods } = shapeOf(plan);
  const holdUntil = plan.settings?.holdUntil ?? 0;
  if (!features.includes("holdsUnknown") || holdUntil === 0 || ((holdUntil - now) | 0) < 0) return false;
  if (service !== undefined || isOfServer(destinations, read)) return true;
  return methods.includes("fullnat") && mayBeLocalPort(plan, read.destinationPort);
}
