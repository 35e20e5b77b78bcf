// What time it is for connections: ticks, low 32 bits. Compared by signed difference, so that the
// counter may wrap around; no timeout comes near half its range.

import { type Int, jiffies64 } from "@yardmaster/ebpf";
import type { BalancerMaps } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";

/** The current tick. */
export function currentTick(maps: BalancerMaps, shape: BalancerShape): Int<"u32"> {
  return shape.clock === "manual" ? maps.settings.value.now : jiffies64().toU32();
}
