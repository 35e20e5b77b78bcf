// Packets through the balancer as data: what is configured, what comes in, what must come out. The frames
// that must come out are built anew from their fields, checksums included, never derived from those that came in.

import {
  type EthernetFields,
  ethernet,
  type FramePart,
  frame,
  type Ipv4Fields,
  ipv4,
  type TcpFields,
  tcp,
  type UdpFields,
  udp,
} from "@yardmaster/packet";
import type { ReasonName } from "../../src/index.ts";
import type { VerdictName } from "../harness.ts";
import { type BalancerPlan, director, gatewayMac, type ServicePlan } from "../plan.ts";

/** One packet and its fate. */
export interface PacketStep {
  readonly in: Uint8Array;
  readonly verdict: VerdictName;
  /** Default: as it came in. */
  readonly out?: Uint8Array;
  /** Why it was passed or dropped; undefined for packets that are forwarded. */
  readonly reason?: ReasonName;
  /** Of a redirect: where to. */
  readonly ifindex?: number;
  /** Ticks that pass before it. */
  readonly after?: number;
}

export interface PacketScenario {
  /** In words: given what, this happens. */
  readonly name: string;
  readonly plan: BalancerPlan;
  readonly steps: readonly PacketStep[];
  /** The kernel's test run takes no frame below 14 bytes and none that fills more than a page. */
  readonly onlyInMemory?: true;
}

export const vip = "198.51.100.10";
export const clientAddress = "203.0.113.7";
export const serverAddress = "10.0.0.11";
export const serverMac = "02:00:00:00:02:00";
/** As clients and the balancer's ways out fill the Ethernet header. */
export const arriving = { source: gatewayMac, destination: director.mac } as const;
export const toServer = { source: director.outMac, destination: serverMac } as const;
export const fromServer = { source: serverMac, destination: director.mac } as const;
export const toClient = { source: director.outMac, destination: gatewayMac } as const;

type Macs = EthernetFields;
type Ip = Partial<Ipv4Fields>;

/** A TCP frame from the client to the VIP's port 80, unless told otherwise; a SYN. */
export function tcpFrame(
  macs: Macs,
  ip: Ip = {},
  fields: Partial<TcpFields> = {},
  ...contents: readonly FramePart[]
): Uint8Array {
  const header = ipv4({ source: clientAddress, destination: vip, ...ip });
  const transport = tcp({ sourcePort: 40000, destinationPort: 80, flags: "S", sequence: 7, ...fields });
  return frame(ethernet(macs), header, transport, ...contents);
}

/** A UDP frame from the client to the VIP's port 53, unless told otherwise. */
export function udpFrame(
  macs: Macs,
  ip: Ip = {},
  fields: Partial<UdpFields> = {},
  ...contents: readonly FramePart[]
): Uint8Array {
  const header = ipv4({ source: clientAddress, destination: vip, ...ip });
  return frame(ethernet(macs), header, udp({ sourcePort: 40000, destinationPort: 53, ...fields }), ...contents);
}

/** A service on the VIP with one server, port 80 mapped to 8080 or 53 to 5353. */
export function natPlan(service: Partial<ServicePlan> = {}, rest: Partial<BalancerPlan> = {}): BalancerPlan {
  const isUdp = service.protocol === "udp";
  const destinations = [{ address: serverAddress, port: isUdp ? 5353 : 8080 }];
  const whole: ServicePlan = { address: vip, port: isUdp ? 53 : 80, destinations, ...service };
  return { services: [whole], clients: [clientAddress], ...rest };
}

/** The same by direct routing, without port mapping. */
export function directPlan(service: Partial<ServicePlan> = {}, rest: Partial<BalancerPlan> = {}): BalancerPlan {
  return natPlan({ destinations: [{ address: serverAddress, method: "dr" }], ...service }, rest);
}
