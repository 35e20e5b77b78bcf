// The network in which the kernel's IPVS and Yardmaster are compared. It stands twice, once around each director, with
// the same addresses:   client eth0 ── eth0 director eth1 ── segment ── servers
//                          └ eth1 ─────────────────────────────┘
// Each server serves nat and dr: what its default route brings to the client passes the director; the clients of dr
// have a way of their own, past it.
import type { LabLayout } from "@yardmaster/lab";

/** A server with its weight, in the order in which ipvsadm is told of them. The last takes no connections. */
export const servers = [
  { name: "server1", address: "10.0.0.11", weight: 1 },
  { name: "server2", address: "10.0.0.12", weight: 2 },
  { name: "server3", address: "10.0.0.13", weight: 3 },
  { name: "server4", address: "10.0.0.14", weight: 0 },
] as const;

/** Addresses of services. */
export const virtualAddresses = ["198.51.100.10", "198.51.100.11", "198.51.100.12"] as const;

const CLIENTS = 12;

/** The addresses clients have, by the forwarding method of what they ask: the answers' way hangs on them. */
export const clientAddresses = { nat: addressesOf("203.0.113"), dr: addressesOf("192.0.2") } as const;

export const segment = { director: "10.0.0.1", client: "10.0.0.2" } as const;
/** The neighbour of the director by which all clients are reached. */
export const clientHop = "10.1.0.2";

const directorHop = "10.1.0.1";

function addressesOf(network: string): readonly string[] {
  return Array.from({ length: CLIENTS }, (_, index) => `${network}.${10 + index}`);
}

/** A host that takes packets whatever way they come, and sends nobody elsewhere. */
const tolerant: Readonly<Record<string, string>> = {
  "ipv4/conf/all/rp_filter": "0",
  "ipv4/conf/default/rp_filter": "0",
  "ipv4/conf/all/send_redirects": "0",
  "ipv4/conf/default/send_redirects": "0",
};

/** The plan of it, as the lab builds networks. */
export const layout: LabLayout = {
  method: "nat",
  scenario: "shares",
  family: "ipv4",
  hook: "xdp",
  description: "client – director – segment with servers, which have a second way to the client",
  virtualAddress: virtualAddresses[0],
  clientAddresses: Object.values(clientAddresses).flat(),
  directorInterfaces: ["eth0", "eth1"],
  services: [],
  serversSee: { tcp: "client", udp: "client" },
  requestPath: ["client", "director", "server"],
  replyPath: ["server", "director", "client"],
  udpBindAddress: "0.0.0.0",
  hosts: [
    {
      name: "client",
      kind: "host",
      settings: tolerant,
      addresses: [
        { interfaceName: "eth0", address: `${clientHop}/24` },
        { interfaceName: "eth1", address: `${segment.client}/24` },
        ...Object.values(clientAddresses)
          .flat()
          .map((address) => ({ interfaceName: "lo", address: `${address}/32` })),
      ],
      routes: [`198.51.100.0/24 via ${directorHop}`],
    },
    {
      name: "director",
      kind: "host",
      settings: { ...tolerant, "ipv4/ip_forward": "1" },
      addresses: [
        { interfaceName: "eth0", address: `${directorHop}/24` },
        { interfaceName: "eth1", address: `${segment.director}/24` },
        ...virtualAddresses.map((address) => ({ interfaceName: "eth0", address: `${address}/32` })),
      ],
      routes: [`default via ${clientHop}`],
    },
    { name: "switch", kind: "switch", settings: {}, addresses: [], routes: [] },
    ...servers.map(({ name, address }) => ({
      name,
      kind: "host" as const,
      // A server for dr keeps silent about the virtual addresses in ARP (kernel docs: ip-sysctl).
      settings: { ...tolerant, "ipv4/conf/all/arp_ignore": "1", "ipv4/conf/all/arp_announce": "2" },
      addresses: [
        ...virtualAddresses.map((virtual) => ({ interfaceName: "lo", address: `${virtual}/32` })),
        { interfaceName: "eth0", address: `${address}/24` },
      ],
      routes: [`default via ${segment.director}`, `192.0.2.0/24 via ${segment.client}`],
    })),
  ],
  links: [
    link("client", "eth0", "director", "eth0"),
    link("director", "eth1", "switch", "director"),
    link("client", "eth1", "switch", "client"),
    ...servers.map(({ name }) => link(name, "eth0", "switch", name)),
  ],
};

function link(host: string, interfaceName: string, otherHost: string, otherName: string): LabLayout["links"][number] {
  return {
    ends: [
      { host, interfaceName },
      { host: otherHost, interfaceName: otherName },
    ],
  };
}
