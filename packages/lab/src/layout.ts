// What a lab network is made of, as plain data: hosts, links, addresses and the services of the director.
// The layouts fill it in (layout-nat.ts, layout-dr.ts), network.ts builds it from namespaces.

import type { Scheduler } from "@yardmaster/director";

import { LabError } from "./lab-error.ts";

/** The forwarding methods that have a layout. */
export type LabMethod = "nat" | "dr";

/** What is shown: how requests are shared out, or what holds while long and short connections are mixed. */
export const labScenarios = ["shares", "mixed"] as const;

/** One of them; each has its own services, director and traffic. */
export type LabScenario = (typeof labScenarios)[number];

/** An address on an interface, with prefix length: `192.0.2.1/24`. */
export interface InterfaceAddress {
  readonly interfaceName: string;
  readonly address: string;
}

/** One host, that is one network namespace. */
export interface HostPlan {
  readonly name: string;
  /** `switch`: a bridge over all its interfaces and nothing else. */
  readonly kind: "host" | "switch";
  /** Paths below /proc/sys/net/ipv4 and their values, set before the first address. */
  readonly settings: Readonly<Record<string, string>>;
  readonly addresses: readonly InterfaceAddress[];
  /** As `ip route add` takes them: `default via 192.0.2.1`. */
  readonly routes: readonly string[];
}

/** One end of a cable. */
export interface LinkEnd {
  readonly host: string;
  readonly interfaceName: string;
}

/** A cable (a veth pair) between two hosts. */
export interface LinkPlan {
  readonly ends: readonly [LinkEnd, LinkEnd];
}

/** A real server as one service uses it. */
export interface LabDestination {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

/** A virtual service of the lab's director. */
export interface LabService {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  readonly scheduler: Scheduler;
  readonly destinations: readonly LabDestination[];
}

/** A whole lab network for one forwarding method and one scenario. */
export interface LabLayout {
  readonly method: LabMethod;
  readonly scenario: LabScenario;
  /** One line for people: who stands where. */
  readonly description: string;
  readonly virtualAddress: string;
  readonly hosts: readonly HostPlan[];
  readonly links: readonly LinkPlan[];
  /** The client host's addresses, without prefix length. */
  readonly clientAddresses: readonly string[];
  /** The interfaces the director works on. */
  readonly directorInterfaces: readonly string[];
  readonly services: readonly LabService[];
  /** The router's interface by which requests, and nothing else, leave for the director. */
  readonly requestLink: LinkEnd;
  /** Whether this method brings replies back through the director. */
  readonly repliesPassDirector: boolean;
  /** The address that the servers' UDP programs bind: replies must leave with the address clients asked. */
  readonly udpBindAddress: string;
}

/** The names of the real servers' hosts. */
export const serverNames = ["server1", "server2", "server3"] as const;

/** The real servers' hosts of a layout, in order. */
export function serverHosts(layout: LabLayout): readonly HostPlan[] {
  return layout.hosts.filter((host) => host.name.startsWith("server"));
}

/** As many client addresses as one lab has room for. */
const maximumClients = 200;

/** Client addresses out of TEST-NET-3 (RFC 5737): 203.0.113.10 and on. Throws YM_LAB_OPTIONS for more than 200. */
export function clientAddresses(count: number): readonly string[] {
  if (!Number.isInteger(count) || count < 1 || count > maximumClients) {
    const what = `${count} is no possible number of client addresses`;
    throw new LabError("YM_LAB_OPTIONS", `laying out the lab: ${what}; choose 1 to ${maximumClients}`);
  }
  return Array.from({ length: count }, (_, index) => `203.0.113.${10 + index}`);
}

/** A host that forwards packets and neither redirects nor drops what takes an unexpected way. */
export const forwardingSettings: Readonly<Record<string, string>> = {
  ip_forward: "1",
  "conf/all/rp_filter": "0",
  "conf/default/rp_filter": "0",
  "conf/all/send_redirects": "0",
  "conf/default/send_redirects": "0",
};
