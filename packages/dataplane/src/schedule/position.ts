// Where a scheduler stands with a service: a word of the service that several CPUs may move at once.

import { atomic, type Int, type Reference } from "@yardmaster/ebpf";
import type { BalancerMaps, ServiceFields } from "../schema.ts";

/** Moves on from `before`. Of CPUs that chose from the same position one moves it: they took the same member. */
export function movePosition(
  maps: BalancerMaps,
  service: Reference<ServiceFields>,
  before: Int<"u64">,
  after: Int<"u64">,
): void {
  atomic(service, maps.Service, "position").compareExchange(before, after);
}
