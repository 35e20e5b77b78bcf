// How programs count the packets that leave for a reason.

import type { Int } from "@yardmaster/ebpf";
import type { BalancerMaps } from "./schema.ts";

/** Counts one for a reason's code. */
export function countVerdict(maps: BalancerMaps, reason: Int<"u32">): void {
  maps.verdicts.lookup(reason).then((counter) => {
    counter.packets = counter.packets.add(1);
  });
}
