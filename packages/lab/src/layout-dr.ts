// The direct-routing layout: clients – router – one segment with the director and the servers. Every server
// holds the VIP on lo and keeps silent about it in ARP; its replies go by the router straight to the clients.
import { labServices } from "./lab-services.ts";
import type { HostPlan, LabLayout, LabScenario, LinkPlan } from "./layout.ts";
import { clientAddresses, forwardingSettings, serverNames } from "./layout.ts";

const virtualAddress = "198.51.100.10";
const serverAddresses = ["198.51.100.11", "198.51.100.12", "198.51.100.13"] as const;

/** What keeps a real server from answering ARP for the VIP or announcing it (kernel docs: ip-sysctl, arp_ignore). */
const silentAboutVip: Readonly<Record<string, string>> = {
  "conf/all/arp_ignore": "1",
  "conf/all/arp_announce": "2",
};

/** The network for direct routing with this many client addresses. */
export function directRoutingLayout(clientCount: number, scenario: LabScenario = "shares"): LabLayout {
  const clients = clientAddresses(clientCount);
  return {
    method: "dr",
    scenario,
    description: "clients 203.0.113.0/24 – router – segment 198.51.100.0/24 with director and servers (VIP on lo)",
    virtualAddress,
    hosts: directRoutingHosts(clients),
    links: ["router", "director", ...serverNames].map(toSwitch).concat({
      ends: [
        { host: "client", interfaceName: "eth0" },
        { host: "router", interfaceName: "eth1" },
      ],
    }),
    clientAddresses: clients,
    directorInterfaces: ["eth0"],
    services: labServices(scenario, { virtualAddress, serverAddresses, serverPort: (port) => port }),
    requestLink: { host: "router", interfaceName: "eth0" },
    repliesPassDirector: false,
    udpBindAddress: virtualAddress,
  };
}

function directRoutingHosts(clients: readonly string[]): readonly HostPlan[] {
  return [
    {
      name: "client",
      kind: "host",
      settings: {},
      addresses: clients.map((address) => ({ interfaceName: "eth0", address: `${address}/24` })),
      routes: ["default via 203.0.113.1"],
    },
    {
      name: "router",
      kind: "host",
      settings: forwardingSettings,
      addresses: [
        { interfaceName: "eth1", address: "203.0.113.1/24" },
        { interfaceName: "eth0", address: "198.51.100.1/24" },
      ],
      routes: [],
    },
    {
      name: "director",
      kind: "host",
      settings: forwardingSettings,
      addresses: [
        { interfaceName: "eth0", address: "198.51.100.2/24" },
        { interfaceName: "eth0", address: `${virtualAddress}/32` },
      ],
      routes: ["default via 198.51.100.1"],
    },
    { name: "switch", kind: "switch", settings: {}, addresses: [], routes: [] },
    ...serverNames.map(
      (name, index): HostPlan => ({
        name,
        kind: "host",
        settings: silentAboutVip,
        addresses: [
          { interfaceName: "lo", address: `${virtualAddress}/32` },
          { interfaceName: "eth0", address: `${serverAddresses[index]}/24` },
        ],
        routes: ["default via 198.51.100.1"],
      }),
    ),
  ];
}

function toSwitch(host: string): LinkPlan {
  return {
    ends: [
      { host, interfaceName: "eth0" },
      { host: "switch", interfaceName: host },
    ],
  };
}
