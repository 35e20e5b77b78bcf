// The MTU of the way to a destination beyond the director's own link, as far as routers on it have told: kept with the
// destination for all CPUs, and taken into account when a CPU asks for the way anew.

import { type Int, type Reference, u32, variable, when } from "@yardmaster/ebpf";
import type { BalancerMaps, Load } from "./schema.ts";

export type LoadReference = Reference<typeof Load.fields>;

/** Seconds that a router's word counts (net.ipv4.route.mtu_expires, Documentation/networking/ip-sysctl.rst). */
const LEARNED_SECONDS = 600;
/** The least that is believed (net.ipv4.route.min_pmtu), against forged messages that would make all packets tiny. */
export const LEAST_PATH_MTU = 552;

/** Notes that a router said `mtu`, in bytes of the packet that it refused, at least `LEAST_PATH_MTU`. */
export function learnPathMtu(load: LoadReference, mtu: Int<"u32">, now: Int<"u32">): void {
  load.pathMtu = mtu;
  load.pathMtuAt = now;
}

/** The smaller of `mtu` and what has been learned and still counts. */
export function limitedByPath(maps: BalancerMaps, load: LoadReference, mtu: Int<"u32">, now: Int<"u32">): Int<"u32"> {
  const limited = variable(mtu);
  const learned = load.pathMtu;
  when(learned.ne(0).and(learned.lt(mtu)), () => {
    const age = now.sub(load.pathMtuAt);
    const counts = age.lt(maps.settings.value.ticksPerSecond.mul(LEARNED_SECONDS));
    when(counts, () => limited.set(learned)).otherwise(() => (load.pathMtu = u32(0)));
  });
  return limited.get();
}
