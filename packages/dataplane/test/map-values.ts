// What a plan says as the values of maps hold it.

import type { BpfMap, JsOf } from "@yardmaster/ebpf";
import { macBytes } from "@yardmaster/packet";
import type { NextHop } from "../src/index.ts";
import { type BalancerPlan, type HopPlan, LOCAL_PORT_SEED, LOCAL_PORTS, type PortsPlan } from "./plan.ts";

export type HopValue = JsOf<typeof NextHop>;

/** The settings that say which local ports there are. */
export function localPortSettings({ localPorts = LOCAL_PORTS }: BalancerPlan) {
  const { first, count, gap = { first: 0, count: 0 } }: PortsPlan = localPorts;
  return {
    localPortFirst: first,
    localPortCount: count,
    localGapFirst: gap.first,
    localGapCount: gap.count,
    localPortSeed: LOCAL_PORT_SEED,
  };
}

/** A way out, asked for at tick `now`. */
export function hopValue(hop: Required<HopPlan>, now: number): HopValue {
  return {
    refreshedAt: now,
    ifindex: hop.ifindex,
    mtu: hop.mtu,
    vlan: hop.vlan,
    macs: { destination: macBytes(hop.mac), source: macBytes(hop.sourceMac) },
  };
}

/** Longer arrays than this are caches of ways out, which hold for any plan, or hold other maps. */
const MOST_ZEROED = 64;

/** Empties a table; writes zeros into an array, on every CPU. */
export function clear(map: BpfMap): void {
  const { type, maxEntries, value } = map.spec;
  if (type.endsWith("hash")) for (const [key] of [...map.entries()]) map.delete(key);
  if ((type !== "array" && type !== "percpu_array") || maxEntries > MOST_ZEROED) return;
  const nothing = value.decode(new Uint8Array(value.size));
  for (let index = 0; index < maxEntries; index++) map.update(index, nothing);
}
