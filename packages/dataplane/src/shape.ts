// What the program is specialised to. Equal shapes give equal programs; everything else is in maps.

import type { FamilyName } from "./family.ts";
import type { EncapsulationName } from "./forward/encapsulate/encapsulation.ts";
import type { MethodName } from "./forward/traits.ts";
import type { SchedulerName } from "./schedule/names.ts";

/** Only what is named here is compiled in. */
export interface BalancerShape {
  /** Of virtual services. */
  readonly families: readonly FamilyName[];
  readonly schedulers: readonly SchedulerName[];
  readonly methods: readonly MethodName[];
  /** What tunnels wrap packets in: none where `methods` has no tun. */
  readonly encapsulations: readonly EncapsulationName[];
  /** MAC addresses (6 bytes each) of the interfaces: frames for others are not the director's. */
  readonly macs: readonly Uint8Array[];
  /** Entries of the connection table of each family; methods with a way back may use two for a connection. */
  readonly maximumConnections: number;
  readonly maximumServices: number;
  readonly maximumDestinations: number;
  /** Destinations that one service can have: a power of two. */
  readonly maximumMembers: number;
  /**
   * What one active connection costs least-connection schedulers, in inactive ones: 256 as LVS documents it, 257 as
   * its newest kernels count (ip_vs_dest_conn_overhead in include/net/ip_vs.h adds all connections, active ones too).
   */
  readonly activeCost: 256 | 257;
  /** What some configurations need and others pay nothing for. */
  readonly features: readonly FeatureName[];
  /** Where the program sees packets. Default `xdp`. */
  readonly hook?: "xdp" | "tc";
  /**
   * XDP: how packets leave by the interface they came in on. A veth wakes its other end for frames sent back
   * by XDP_TX only if that end runs a program too (veth_xdp_flush, drivers/net/veth.c); a redirect to
   * the same interface needs only GRO there. Default `tx`, the cheaper one.
   */
  readonly sendBack?: "tx" | "redirect";
  /** `jiffies`: the kernel's clock. `manual`: the `now` of the settings, for tests and simulation. */
  readonly clock: "jiffies" | "manual";
}

/** Parts of the road that are compiled in on demand. */
export const featureNames = [
  /** Upper and lower thresholds of destinations. */
  "thresholds",
  /** Services whose clients stay with their server. */
  "persistence",
  /** UDP services that schedule every packet. */
  "onePacket",
  /** Services by prefix, by lists, ranges or all of the ports, and by mark. */
  "wideServices",
  /** Caps on new and half-open connections of a service. */
  "caps",
  /** Handshakes that fail are counted for each destination: hints for who checks servers. */
  "handshakes",
  /** A share of the packets that would open a connection is dropped (IPVS's drop_packet). */
  "dropPackets",
  /** A UDP datagram without a checksum gets one where it is translated, as IPVS does. */
  "fullUdpChecksums",
  /** Servers behind full NAT are told who their clients are, and no client may tell any server so. */
  "toa",
  /** The segments that SYNs announce are made no larger than the ways take, or than the settings say. */
  "mssClamp",
  /** Tunnels to servers of the other family than their service's. */
  "mixedFamilies",
  /** Full NAT to servers of the other family than their service's: packets are translated between families. */
  "translatedFamilies",
  /** Low bits of the outer source address of tunnels tell flows apart. */
  "tunnelSources",
  /** Tunnels whose headers carry a checksum. */
  "tunnelChecksums",
  /** Packets of unknown flows wait until tables of the program before this one are copied. */
  "holdsUnknown",
  /** Health checks that go through the data plane. */
  "probes",
] as const;
export type FeatureName = (typeof featureNames)[number];

/** Whether a shape has a feature. */
export function hasFeature(shape: Pick<BalancerShape, "features">, feature: FeatureName): boolean {
  return shape.features.includes(feature);
}
