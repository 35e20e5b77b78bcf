// The NAT layout: clients – router – director – servers on an inside network whose default gateway is
// the director. What NAT asks of the network (replies lead back through the director) holds by routing.
import { labServices } from "./lab-services.ts";
import type { HostPlan, LabLayout, LabScenario, LinkPlan } from "./layout.ts";
import { clientAddresses, forwardingSettings, serverNames } from "./layout.ts";

const virtualAddress = "198.51.100.10";
const serverAddresses = ["10.0.0.11", "10.0.0.12", "10.0.0.13"] as const;

/** The network for NAT with this many client addresses. Server ports are 8000 above the service's. */
export function natLayout(clientCount: number, scenario: LabScenario = "shares"): LabLayout {
  const clients = clientAddresses(clientCount);
  return {
    method: "nat",
    scenario,
    description: "clients 203.0.113.0/24 – router – director – servers 10.0.0.0/24 (default gateway: the director)",
    virtualAddress,
    hosts: natHosts(clients),
    links: natLinks(),
    clientAddresses: clients,
    directorInterfaces: ["eth0", "eth1"],
    services: labServices(scenario, { virtualAddress, serverAddresses, serverPort: (port) => port + 8000 }),
    requestLink: { host: "router", interfaceName: "eth1" },
    repliesPassDirector: true,
    udpBindAddress: "0.0.0.0",
  };
}

function natHosts(clients: readonly string[]): readonly HostPlan[] {
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
        { interfaceName: "eth0", address: "203.0.113.1/24" },
        { interfaceName: "eth1", address: "192.0.2.1/24" },
      ],
      routes: ["198.51.100.0/24 via 192.0.2.2"],
    },
    {
      name: "director",
      kind: "host",
      settings: forwardingSettings,
      addresses: [
        { interfaceName: "eth0", address: "192.0.2.2/24" },
        { interfaceName: "eth0", address: `${virtualAddress}/32` },
        { interfaceName: "eth1", address: "10.0.0.1/24" },
      ],
      routes: ["default via 192.0.2.1"],
    },
    { name: "switch", kind: "switch", settings: {}, addresses: [], routes: [] },
    ...serverNames.map(
      (name, index): HostPlan => ({
        name,
        kind: "host",
        settings: {},
        addresses: [{ interfaceName: "eth0", address: `${serverAddresses[index]}/24` }],
        routes: ["default via 10.0.0.1"],
      }),
    ),
  ];
}

function natLinks(): readonly LinkPlan[] {
  return [
    link("client", "eth0", "router", "eth0"),
    link("router", "eth1", "director", "eth0"),
    link("director", "eth1", "switch", "director"),
    ...serverNames.map((name) => link(name, "eth0", "switch", name)),
  ];
}

function link(host: string, interfaceName: string, otherHost: string, otherInterfaceName: string): LinkPlan {
  return {
    ends: [
      { host, interfaceName },
      { host: otherHost, interfaceName: otherInterfaceName },
    ],
  };
}
