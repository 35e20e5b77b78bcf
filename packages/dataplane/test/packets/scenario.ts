// Packets through the balancer as data: what is configured, what comes in, what must come out. The frames
// that must come out are built anew from their fields, checksums included, never derived from those that came in.

import type { ReasonName } from "../../src/index.ts";
import type { VerdictName } from "../harness.ts";
import { type BalancerPlan, director, gatewayMac, type ServicePlan } from "../plan.ts";
import { icmpError } from "../reference/icmp-error.ts";
import { ipv4Wire, type Wire } from "./wire.ts";

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

/** The IPv4 network, for tests of what is the same in both. */
export const { vip, tcpFrame, udpFrame } = ipv4Wire;
export const [clientAddress] = ipv4Wire.clients;
export const [serverAddress] = ipv4Wire.servers;
/** The way to the first destination of a plan. */
export const serverMac = "02:00:00:00:02:00";
/** As clients and the balancer's ways out fill the Ethernet header. */
export const arriving = { source: gatewayMac, destination: director.mac } as const;
export const toServer = { source: director.outMac, destination: serverMac } as const;
export const fromServer = { source: serverMac, destination: director.mac } as const;
export const toClient = { source: director.outMac, destination: gatewayMac } as const;

/** A service on the VIP with one server, port 80 mapped to 8080 or 53 to 5353. */
export function natPlan(
  wire: Wire,
  service: Partial<ServicePlan> = {},
  rest: Partial<BalancerPlan> = {},
): BalancerPlan {
  const isUdp = service.protocol === "udp";
  const destinations = [{ address: wire.servers[0], port: isUdp ? 5353 : 8080 }];
  const whole: ServicePlan = { address: wire.vip, port: isUdp ? 53 : 80, destinations, ...service };
  return { services: [whole], clients: [wire.clients[0]], ...rest };
}

/** The same by direct routing, without port mapping. */
export function directPlan(
  wire: Wire,
  service: Partial<ServicePlan> = {},
  rest: Partial<BalancerPlan> = {},
): BalancerPlan {
  return natPlan(wire, { destinations: [{ address: wire.servers[0], method: "dr" }], ...service }, rest);
}

/** The ICMP error that answers an untagged frame without padding, back to where it came from. */
export function errorAbout(frame: Uint8Array, ...rest: readonly [kind: Parameters<typeof icmpError>[2], mtu?: number]) {
  return icmpError(frame.subarray(0, 14), frame.subarray(14), ...rest);
}
