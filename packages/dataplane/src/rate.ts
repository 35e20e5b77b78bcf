// So many in a second: how often something happens, counted by all CPUs together in seconds that begin with the first
// that comes in them.

import { atomic, type Int, type Reference, u32, when } from "@yardmaster/ebpf";
import { type BalancerMaps, Rate } from "./schema.ts";

/** Counts one more at tick `now`; how many there have been before it in this second. */
export function countInSecond(maps: BalancerMaps, rate: Reference<typeof Rate.fields>, now: Int<"u32">): Int<"u32"> {
  const startedAt = rate.secondStartedAt;
  when(now.sub(startedAt).ge(maps.settings.value.ticksPerSecond), () => {
    // One of several CPUs begins the new second.
    const before = atomic(rate, Rate, "secondStartedAt").compareExchange(startedAt, now);
    when(before.eq(startedAt), () => (rate.counted = u32(0)));
  });
  return atomic(rate, Rate, "counted").fetchAdd(1);
}
