// Configurations and packets for tests of the control plane: as short as what they are about.

import { ethernet, frame, ipv4, ipv6, tcp, udp } from "@yardmaster/packet";
import {
  type Configuration,
  type DirectorSettings,
  defaultLocalityMs,
  defaultTimeoutsMs,
} from "../src/model/configuration.ts";
import type { Destination, Protocol, VirtualService } from "../src/model/virtual-service.ts";

/** The address that services have unless a test gives another. */
export const VIP = "198.51.100.10";
/** MAC address of the director's interface. */
export const directorMac = "02:00:00:00:00:01";

type Changes = Partial<Omit<VirtualService, "servers">> & {
  readonly servers?: readonly (Partial<Destination> & { readonly address: string })[];
  /** What it is found by, unless `match` says it. */
  readonly address?: string;
  readonly port?: number;
  readonly protocol?: Protocol;
};

/** A service: nat, rr, tcp, port 80 unless changed; servers have weight 1 and the service's port and method. */
export function service(changes: Changes = {}): VirtualService {
  const { servers = [], address = VIP, port = 80, protocol = "tcp", ...fields } = changes;
  const complete = {
    name: "web",
    match: { kind: "exact", address, port, protocol } as const,
    scheduler: "rr" as const,
    schedulerOptions: [],
    tableSize: undefined,
    forwarding: "nat" as const,
    persistence: undefined,
    onePacket: false,
    caps: { newPerSecond: 0, halfOpen: 0 },
    ...fields,
  };
  const { forwarding, match } = complete;
  const usual = {
    ...{ port: match.kind === "exact" ? match.port : 0, weight: 1, forwarding },
    ...{ upperThreshold: 0, lowerThreshold: 0 },
  };
  return { ...complete, servers: servers.map((server) => ({ ...usual, ...server })) };
}

/** A configuration with these services and room for 1,000 connections. */
export function configuration(
  services: readonly VirtualService[],
  director: Partial<DirectorSettings> = {},
): Configuration {
  const settings: DirectorSettings = {
    interfaces: undefined,
    hook: "auto",
    compatibility: "none",
    timeoutsMs: defaultTimeoutsMs,
    localityMs: defaultLocalityMs,
    connections: { maximum: 1000 },
    onRemoval: "drop",
    quiescedTemplates: "keep",
    portReuse: "ended",
    sloppyTcp: false,
    secureTcp: false,
    dropOneOf: 0,
    answersPerSecond: 1000,
    mssClamp: "auto",
    scheduleIcmp: false,
    natIcmpSend: false,
    pingVip: true,
    pathMtuDiscovery: true,
    ...director,
  };
  return { director: settings, services };
}

/** Both methods, all four schedulers. */
export const fourServices: readonly VirtualService[] = [
  service({ name: "web", servers: [{ address: "10.0.0.11", port: 8080 }, { address: "10.0.0.12" }] }),
  service({
    name: "dns",
    ...{ port: 53, protocol: "udp", scheduler: "wrr", forwarding: "dr" },
    servers: [
      { address: "10.0.0.11", weight: 2 },
      { address: "10.0.0.12", weight: 4 },
      { address: "10.0.0.13", weight: 0 },
    ],
  }),
  service({
    name: "cache",
    ...{ port: 11211, scheduler: "sh", forwarding: "dr" },
    servers: [
      { address: "10.0.0.11", weight: 1 },
      { address: "10.0.0.12", weight: 2 },
    ],
  }),
  service({ name: "mail", port: 25, scheduler: "wlc", servers: [{ address: "10.0.0.14", weight: 65535 }] }),
];

/** An end of a flow, "address:port"; IPv6 addresses in brackets. */
type Endpoint = `${string}:${number}` | `[${string}]:${number}`;

function addressed(source: Endpoint, destination: Endpoint) {
  const [from, to] = [hostAndPort(source), hostAndPort(destination)];
  const addresses = { source: from.address, destination: to.address };
  return {
    ethernet: ethernet({ source: "02:00:00:00:00:fe", destination: directorMac }),
    ip: from.address.includes(":") ? ipv6(addresses) : ipv4(addresses),
    ports: { sourcePort: from.port, destinationPort: to.port },
  };
}

function hostAndPort(endpoint: Endpoint): { readonly address: string; readonly port: number } {
  const colon = endpoint.lastIndexOf(":");
  return { address: endpoint.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(endpoint.slice(colon + 1)) };
}

/** A TCP packet to the director's interface. */
export function tcpPacket(source: Endpoint, destination: Endpoint, flags: string): Uint8Array {
  const { ethernet: link, ip, ports } = addressed(source, destination);
  return frame(link, ip, tcp({ ...ports, flags }), "");
}

/** A UDP packet to the director's interface. */
export function udpPacket(source: Endpoint, destination: Endpoint): Uint8Array {
  const { ethernet: link, ip, ports } = addressed(source, destination);
  return frame(link, ip, udp(ports), "question");
}
