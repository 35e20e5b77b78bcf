// What a test says about a balancer, in plain words: services, destinations, where things are. The harness
// turns it into maps and programs, the reference into its own objects; neither sees the other's.

import type {
  BalancerShape,
  EncapsulationName,
  MethodName,
  removalActions,
  SchedulerName,
  TransitionRules,
} from "../src/index.ts";

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

/** Connections at which a destination is overloaded, and below which it is no longer. */
export interface Thresholds {
  /** Default 0: none. */
  readonly upperThreshold?: number;
  /** Default: three quarters of the upper one, rounded up. */
  readonly lowerThreshold?: number;
}

/** A real server in the order of its service's list. */
export interface DestinationPlan extends Thresholds {
  readonly address: string;
  /** Default: the service's. */
  readonly port?: number;
  /** Default "nat". */
  readonly method?: MethodName;
  /** Of tun. Default: IP in IP. */
  readonly tunnel?: TunnelPlan;
  /** Default 1. */
  readonly weight?: number;
  readonly hop?: HopPlan;
  /** Full NAT: it is told who its clients are. */
  readonly tellsClient?: boolean;
}

/** How packets are wrapped. */
export interface TunnelPlan {
  /** Default "ipip". */
  readonly encapsulation?: EncapsulationName;
  readonly hasChecksum?: true;
  /** Of GUE. Default 6080. */
  readonly port?: number;
  /** Low bits of the outer source address that tell flows apart. Default 0. */
  readonly spreadBits?: number;
  /** Default: the director's address of the server's family; "none": it has none. */
  readonly source?: "none";
}

/** The director's own addresses, where its tunnels begin; nobody else's begin with the same 24 or 120 bits. */
export const tunnelSources = { ipv4: "10.9.0.1", ipv6: "fd00:9:1::1" } as const;

/** How clients stay with their server. */
export interface PersistencePlan {
  readonly seconds: number;
  /** Leading bits of the client's address that count. Default: all. */
  readonly maskBits?: number;
  /** What one template stands for: one port, all ports of the address, or all that has the service's mark. */
  readonly covers?: "port" | "allPorts" | "mark";
}

/** What packets are addressed to. */
export interface EndpointPlan {
  readonly address: string;
  readonly port: number;
  /** Default "tcp". */
  readonly protocol?: "tcp" | "udp";
}

export interface ServicePlan extends EndpointPlan {
  /** Where else it is found, as services of many ports or by mark are. */
  readonly alsoAt?: readonly EndpointPlan[];
  /** Default "rr". */
  readonly scheduler?: SchedulerName;
  readonly destinations: readonly DestinationPlan[];
  /** Default: none. */
  readonly persistence?: PersistencePlan;
  /** Every packet is scheduled and no connection kept. */
  readonly onePacket?: true;
  /** Connections that may be opened in a second, and be half open at once. Default: any number. */
  readonly newPerSecond?: number;
  readonly halfOpenMaximum?: number;
}

/** What programs may be told as they run. */
export interface SettingsPlan {
  /** 0 to 3, as conn_reuse_mode. Default 0. */
  readonly reuseMode?: number;
  /** Default "drop". */
  readonly onRemoval?: keyof typeof removalActions;
  /** Templates to destinations of weight 0 no longer count. */
  readonly leaveQuiesced?: boolean;
  readonly sloppyTcp?: boolean;
  readonly refuseSourcePort20?: boolean;
  /** One of so many packets that would open a connection is dropped; 0: none. */
  readonly dropRate?: number;
  /** Where no destination is available, the answer is an ICMP error; otherwise the packet goes to the stack. */
  readonly refusesByIcmp?: boolean;
  /** Ticks by which an expiry must move for a packet to write it. Default: a second's. */
  readonly renewalTicks?: number;
  /** Which tables of states. Default "normal". */
  readonly rules?: TransitionRules;
  /** ICMP errors about no connection open the one of their flow. */
  readonly scheduleIcmp?: boolean;
  /** A server's packet of no connection is answered with an ICMP error. */
  readonly natIcmpSend?: boolean;
  /** Until this tick packets of unknown flows are dropped. Default 0: none are. */
  readonly holdUntil?: number;
  /** Echo requests to virtual addresses are answered. Default true. */
  readonly pingVip?: boolean;
  /** IPVS's pmtu_disc. Default true. */
  readonly pathMtuDiscovery?: boolean;
  /** The largest segment that SYNs may announce. Default: what the ways take, if the shape has `mssClamp`. */
  readonly mssClamp?: number;
  /** ICMP errors that may be sent in a second. Default 1000. */
  readonly answersPerSecond?: number;
}

/** Local ports: so many from the first on, leaving out a gap. */
export interface PortsPlan {
  readonly first: number;
  readonly count: number;
  /** Default: no port. */
  readonly gap?: { readonly first: number; readonly count: number };
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
  /** Full NAT's addresses, for servers of their family; default: one of each. */
  readonly localAddresses?: readonly string[];
  /** And ports; default: all from 1024 on. */
  readonly localPorts?: PortsPlan;
  /** How packets leave by the interface they came in on. Default "tx". */
  readonly sendBack?: "tx" | "redirect";
  readonly settings?: SettingsPlan;
  /** What the programs are specialised to, beyond what the plan asks for: equal shapes are compiled once. */
  readonly shape?: Partial<BalancerShape>;
  /** Tick that it begins at. Default 1000. */
  readonly now?: number;
}

/** Where full NAT speaks from, unless a plan says otherwise. */
export const LOCAL_ADDRESSES = ["10.0.1.1", "fd00:1::1"] as const;
export const LOCAL_PORTS = { first: 1024, count: 64_512 } as const;
/** What local ports are mixed with. */
export const LOCAL_PORT_SEED = 0x5eed_5eed;

/** The interface that test packets come in on: loopback, as the kernel has it. */
export const INGRESS = 1;
export const TICKS_PER_SECOND = 250;
export const DEFAULT_MTU = 1500;
export const director = { mac: "02:00:00:00:00:01", outMac: "02:00:00:00:01:01" } as const;
export const gatewayMac = "02:00:00:00:00:fe";

/** The way to a destination, and what it carries inside a tunnel; unless given, a MAC address made from its index. */
export function destinationHop(plan: DestinationPlan, index: number): Required<HopPlan> {
  const mac = `02:00:00:00:02:${(index & 0xff).toString(16).padStart(2, "0")}`;
  const hop = completeHop(plan.hop ?? { mac });
  return { ...hop, mtu: Math.max(0, hop.mtu - overheadOf(plan)) };
}

/** The way to clients. */
export function clientHop(plan: BalancerPlan): Required<HopPlan> {
  return completeHop(plan.clientHop ?? { mac: gatewayMac });
}

function completeHop(hop: HopPlan): Required<HopPlan> {
  return { ifindex: INGRESS, sourceMac: director.outMac, vlan: 0, mtu: DEFAULT_MTU, ...hop };
}

/** Full NAT's addresses. */
export function localAddressesOf({ localAddresses = LOCAL_ADDRESSES }: BalancerPlan): readonly string[] {
  return localAddresses;
}

/** Where a service is found. */
export function endpointsOf(service: ServicePlan): readonly Required<EndpointPlan>[] {
  return [service, ...(service.alsoAt ?? [])].map(({ address, port, protocol = "tcp" }) => ({
    address,
    port,
    protocol,
  }));
}

/** Whether a service's server tells its service by its address and port: no other translating one uses them. */
export function answersForOne(plan: BalancerPlan, service: ServicePlan, destination: DestinationPlan): boolean {
  if ((destination.method ?? "nat") !== "nat" || (service.alsoAt ?? []).length > 0) return false;
  const endpoint = (of: ServicePlan, { address, port = of.port }: DestinationPlan) =>
    `${of.protocol ?? "tcp"} ${address} ${port}`;
  const translating = plan.services.flatMap((of) =>
    of.destinations.filter(({ method = "nat" }) => method === "nat").map((candidate) => endpoint(of, candidate)),
  );
  return translating.filter((other) => other === endpoint(service, destination)).length === 1;
}

/** The total below which a destination that has reached its upper threshold is no longer overloaded. */
export function lowerThresholdOf({ upperThreshold = 0, lowerThreshold }: Thresholds): number {
  return lowerThreshold ?? upperThreshold - Math.floor(upperThreshold / 4);
}

/** Bytes that a destination's tunnel adds to each packet; 0 for other methods. */
export function overheadOf({ address, method, tunnel = {} }: DestinationPlan): number {
  if (method !== "tun") return 0;
  const { encapsulation = "ipip", hasChecksum } = tunnel;
  const inside = { ipip: 0, gue: 8 + 4, gre: hasChecksum === true ? 8 : 4 };
  return (address.includes(":") ? 40 : 20) + inside[encapsulation];
}
