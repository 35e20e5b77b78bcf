// What a lab network is made of, as plain data: hosts, links, addresses and the services of the director.
// The layouts fill it in (layout-nat.ts, layout-dr.ts …), network.ts builds it from namespaces.

import type { Scheduler } from "@yardmaster/director";

import { addressIn, alone, type LabFamily, networkPrefix, type NetworkName, withPrefix } from "./addresses.ts";

/** The forwarding methods that have a layout. */
export const labMethods = ["nat", "dr", "tun", "fullnat"] as const;

/** One of them. */
export type LabMethod = (typeof labMethods)[number];

/**
 * What is shown: the path of one packet, hop by hop; how requests are shared out, and then such a path; what holds
 * while long and short connections are mixed; or curl, nginx, iperf3 and dnsmasq through the director.
 */
export const labScenarios = ["path", "shares", "mixed", "tools"] as const;

/** One of them; each has its own services, director and traffic. */
export type LabScenario = (typeof labScenarios)[number];

/** Where the director's program is put, as its configuration names it. */
export const labHooks = ["xdp", "xdp-generic", "tc"] as const;

/** One of them. */
export type LabHook = (typeof labHooks)[number];

/** What `tun` wraps packets in. */
export const labEncapsulations = ["ipip", "gue", "gre"] as const;

/** One of them. */
export type LabEncapsulation = (typeof labEncapsulations)[number];

/** What a layout is made for. */
export interface LabChoice {
  readonly method: LabMethod;
  readonly scenario: LabScenario;
  readonly family: LabFamily;
  readonly hook: LabHook;
  /** Where the servers are: machines of their own, unless they are containers on the director's (of `nat` only). */
  readonly place?: "containers";
  /** Of `tun`; the other methods have none. */
  readonly encapsulation?: LabEncapsulation;
}

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
  /** Paths below /proc/sys/net and their values, set before the first address. */
  readonly settings: Readonly<Record<string, string>>;
  readonly addresses: readonly InterfaceAddress[];
  /** As `ip route add` takes them: `default via 192.0.2.1`. */
  readonly routes: readonly string[];
  /** A bridge of the host's own over some of its interfaces; it may have addresses. */
  readonly bridge?: { readonly name: string; readonly ports: readonly string[] };
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

/** The hosts that packets of one direction visit, in order; `server` stands for the server that was chosen. */
export type HostPath = readonly string[];

/** A whole lab network for one choice. */
export interface LabLayout extends LabChoice {
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
  /** Whose address servers see, by protocol: the client's, or the director's local one (full NAT). */
  readonly serversSee: { readonly [Protocol in "tcp" | "udp"]: "client" | "director" };
  /** Of `fullnat`: what requests are sent from. */
  readonly localAddresses?: readonly string[];
  /** Where servers are prepared by `yardmaster realserver up`: whom they trust as directors. */
  readonly realServers?: {
    readonly directors: readonly string[];
    /** Which addresses they answer at; the virtual address unless given. */
    readonly services?: readonly string[];
  };
  /** Which way requests go and which way replies, switches aside. */
  readonly requestPath: HostPath;
  readonly replyPath: HostPath;
  /** The address that the servers' UDP programs bind: replies must leave with the address clients asked. */
  readonly udpBindAddress: string;
}

/** The names of the real servers' hosts. */
export const serverNames = ["server1", "server2", "server3"] as const;

/** The real servers' hosts of a layout, in order. */
export function serverHosts(layout: LabLayout): readonly HostPlan[] {
  return layout.hosts.filter((host) => host.name.startsWith("server"));
}

/** Whether the layout's forwarding method brings replies back through the director. */
export function repliesPassDirector({ replyPath }: LabLayout): boolean {
  return replyPath.includes("director");
}

/**
 * The MAC addresses of a host's interfaces, in the order of its cables. Given, not drawn by lot, so that they can be
 * told apart in what the lab prints: locally administered, number of the host, number of the interface.
 */
export function hardwareAddressesOf(layout: Pick<LabLayout, "hosts" | "links">, host: string): readonly string[] {
  const number = layout.hosts.findIndex(({ name }) => name === host) + 1;
  return endsOf(layout, host).map((_, index) => `02:00:00:${hexByte(number)}:00:${hexByte(index)}`);
}

/** The MAC address of one interface. */
export function hardwareAddressOf(layout: LabLayout, end: LinkEnd): string {
  const at = endsOf(layout, end.host).findIndex(({ interfaceName }) => interfaceName === end.interfaceName);
  return hardwareAddressesOf(layout, end.host)[at] ?? "";
}

function endsOf({ links }: Pick<LabLayout, "links">, host: string): readonly LinkEnd[] {
  return links.flatMap(({ ends }) => ends.filter((end) => end.host === host));
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

/** A host that forwards packets and neither redirects nor drops what takes an unexpected way (ip-sysctl). */
export const forwardingSettings: Readonly<Record<string, string>> = {
  "ipv4/ip_forward": "1",
  "ipv4/conf/all/rp_filter": "0",
  "ipv4/conf/default/rp_filter": "0",
  "ipv4/conf/all/send_redirects": "0",
  "ipv4/conf/default/send_redirects": "0",
  "ipv6/conf/all/forwarding": "1",
};

/** The switch that joins what stands on one segment. */
export const switchHost: HostPlan = { name: "switch", kind: "switch", settings: {}, addresses: [], routes: [] };

/** A host with these addresses (with prefix length) on its interfaces; see HostPlan. */
export function hostPlan(
  name: string,
  about: {
    readonly settings?: Readonly<Record<string, string>>;
    readonly addresses: Readonly<Record<string, readonly string[]>>;
    readonly routes?: readonly string[];
  },
): HostPlan {
  const addresses = Object.entries(about.addresses).flatMap(([interfaceName, list]) =>
    list.map((address) => ({ interfaceName, address })),
  );
  return { name, kind: "host", settings: about.settings ?? {}, addresses, routes: about.routes ?? [] };
}

/** The client host; the router is number 1 of the clients' network. */
export function clientHost(family: LabFamily, addresses: readonly string[]): HostPlan {
  const routes = [`default via ${addressIn("clients", family, 1)}`];
  return hostPlan("client", { addresses: { eth0: addresses.map(withPrefix) }, routes });
}

/** The addresses of server1, server2 and server3: numbers 11 to 13 of their network. */
export function serverAddressesIn(network: NetworkName, family: LabFamily): readonly [string, string, string] {
  return [addressIn(network, family, 11), addressIn(network, family, 12), addressIn(network, family, 13)];
}

/** A cable between two hosts' interfaces. */
export function link(host: string, interfaceName: string, otherHost: string, otherInterfaceName: string): LinkPlan {
  return {
    ends: [
      { host, interfaceName },
      { host: otherHost, interfaceName: otherInterfaceName },
    ],
  };
}

/** Each of these hosts' eth0 at the switch; the switch's interfaces are named after them. */
export function atSwitch(hosts: readonly string[]): readonly LinkPlan[] {
  return hosts.map((host) => link(host, "eth0", switchHost.name, host));
}

/**
 * The hosts of a network in which clients, director and servers are each behind the router, on networks of their own;
 * the services' addresses are behind the director.
 */
export function acrossRouter(
  family: LabFamily,
  clients: readonly string[],
  director: { readonly virtualAddress: string; readonly addresses: readonly string[] },
): readonly HostPlan[] {
  const gateway = (network: NetworkName): string => addressIn(network, family, 1);
  const toRouter = (network: NetworkName): readonly string[] => [`default via ${gateway(network)}`];
  return [
    clientHost(family, clients),
    hostPlan("router", {
      settings: forwardingSettings,
      addresses: {
        eth0: [withPrefix(gateway("clients"))],
        eth1: [withPrefix(gateway("outside"))],
        eth2: [withPrefix(gateway("inside"))],
      },
      routes: [`${networkPrefix("services", family)} via ${addressIn("outside", family, 2)}`],
    }),
    hostPlan("director", {
      settings: forwardingSettings,
      // On lo the service's address is nobody's source address: what the director sends itself has one of the others.
      addresses: { lo: [alone(director.virtualAddress)], eth0: director.addresses },
      routes: toRouter("outside"),
    }),
    switchHost,
    ...serverNames.map((name, index) =>
      hostPlan(name, {
        addresses: { eth0: [withPrefix(serverAddressesIn("inside", family)[index] ?? "")] },
        routes: toRouter("inside"),
      }),
    ),
  ];
}

/** Its cables. */
export const acrossRouterLinks: readonly LinkPlan[] = [
  link("client", "eth0", "router", "eth0"),
  link("router", "eth1", "director", "eth0"),
  link("router", "eth2", "switch", "router"),
  ...atSwitch(serverNames),
];
