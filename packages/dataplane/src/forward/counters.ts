// The counters of packets and bytes, by destination, beside its cached next hop.

import type { Int } from "@yardmaster/ebpf";
import type { ConnectionReference } from "../life.ts";
import { reasons } from "../reasons.ts";
import type { BalancerMaps } from "../schema.ts";

/** The destination's counters and cached next hop, with the packet counted in. */
export function countedPath(maps: BalancerMaps, { destination }: ConnectionReference, length: Int<"u32">) {
  const path = maps.paths.lookup(destination).orDrop(reasons.internal);
  path.packetsIn = path.packetsIn.add(1);
  path.bytesIn = path.bytesIn.add(length);
  return path;
}

/** Counts a server's packet of so many bytes. */
export function countPacketOut(maps: BalancerMaps, destination: Int<"u32">, length: Int<"u32">): void {
  const path = maps.paths.lookup(destination).orDrop(reasons.internal);
  path.packetsOut = path.packetsOut.add(1);
  path.bytesOut = path.bytesOut.add(length);
}
