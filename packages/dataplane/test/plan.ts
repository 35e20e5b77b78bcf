// What a test says about a balancer, in plain words: services, destinations, where things are. The harness
// turns it into maps and programs, the reference into its own objects; neither sees the other's.

import type { FeatureName, MethodName, SchedulerName } from "../src/index.ts";

/** A way out that the balancer knows already. */
export interface HopPlan {
  readonly mac: string;
  /** Default: where packets come in, so that they leave by XDP_TX. */
  readonly ifindex?: number;
  /** The director's own address on that way. */
  readonly sourceMac?: string;
  /** VLAN number; default untagged. */
  readonly vlan?: number;
  readonly mtu?: number;
}

/** A real server in the order of its service's list. */
export interface DestinationPlan {
  readonly address: string;
  /** Default: the service's. */
  readonly port?: number;
  /** Default "nat". */
  readonly method?: MethodName;
  /** Default 1. */
  readonly weight?: number;
  /** Default 0: none. */
  readonly upperThreshold?: number;
  /** Default: three quarters of the upper one, rounded up. */
  readonly lowerThreshold?: number;
  readonly hop?: HopPlan;
}

export interface ServicePlan {
  readonly address: string;
  readonly port: number;
  /** Default "tcp". */
  readonly protocol?: "tcp" | "udp";
  /** Default "rr". */
  readonly scheduler?: SchedulerName;
  readonly destinations: readonly DestinationPlan[];
}

export interface BalancerPlan {
  readonly services: readonly ServicePlan[];
  /** Clients whose way back is known; no two in one slot of the cache. */
  readonly clients?: readonly string[];
  /** The way to all of them. */
  readonly clientHop?: HopPlan;
  /** Default: director.mac. */
  readonly macs?: readonly string[];
  readonly maximumConnections?: number;
  readonly maximumMembers?: number;
  /** Default "known": hops are in the caches and fresh. "unknown": the program has to ask. */
  readonly hops?: "known" | "unknown";
  /** How packets leave by the interface they came in on. Default "tx". */
  readonly sendBack?: "tx" | "redirect";
  /** Default 256. */
  readonly activeCost?: 256 | 257;
  /** Default: all that change nothing by themselves. */
  readonly features?: readonly FeatureName[];
  /** Tick that it begins at. Default 1000. */
  readonly now?: number;
}

/** The interface that test packets come in on: loopback, as the kernel has it. */
export const INGRESS = 1;
export const TICKS_PER_SECOND = 250;
export const DEFAULT_MTU = 1500;
export const director = { mac: "02:00:00:00:00:01", outMac: "02:00:00:00:01:01" } as const;
export const gatewayMac = "02:00:00:00:00:fe";

/** The way to a destination; unless given, a MAC address made from its index. */
export function destinationHop(plan: DestinationPlan, index: number): Required<HopPlan> {
  const mac = `02:00:00:00:02:${(index & 0xff).toString(16).padStart(2, "0")}`;
  return completeHop(plan.hop ?? { mac });
}

/** The way to clients. */
export function clientHop(plan: BalancerPlan): Required<HopPlan> {
  return completeHop(plan.clientHop ?? { mac: gatewayMac });
}

function completeHop(hop: HopPlan): Required<HopPlan> {
  return { ifindex: INGRESS, sourceMac: director.outMac, vlan: 0, mtu: DEFAULT_MTU, ...hop };
}
