// The direct-routing layout: clients – router – one segment with the director and the servers. Every server
// holds the VIP on lo and keeps silent about it; its replies go by the router straight to the clients.
import { addressIn, alone, clientAddresses, networkPrefix, withPrefix } from "./addresses.ts";
import { labServices } from "./lab-services.ts";
import type { HostPlan, LabChoice, LabLayout } from "./layout.ts";
import {
  atSwitch,
  clientHost,
  forwardingSettings,
  hostPlan,
  link,
  serverAddressesIn,
  serverNames,
  switchHost,
} from "./layout.ts";

/**
 * What keeps a real server from answering ARP for the VIP or announcing it (kernel docs: ip-sysctl, arp_ignore). IPv6
 * needs nothing: a host answers neighbour solicitations only for addresses of the interface asked (net/ipv6/ndisc.c).
 */
const silentAboutVip: Readonly<Record<string, string>> = {
  "ipv4/conf/all/arp_ignore": "1",
  "ipv4/conf/all/arp_announce": "2",
};

/** The network for direct routing with this many client addresses. */
export function directRoutingLayout(choice: LabChoice, clientCount: number): LabLayout {
  const { family } = choice;
  const clients = clientAddresses(family, clientCount);
  const virtualAddress = addressIn("services", family, 10);
  const serverAddresses = serverAddressesIn("services", family);
  const [clientNetwork, segment] = [networkPrefix("clients", family), networkPrefix("services", family)];
  return {
    ...choice,
    description: `clients ${clientNetwork} – router – segment ${segment} with director and servers (VIP on lo)`,
    virtualAddress,
    hosts: directRoutingHosts(choice, { clients, virtualAddress, serverAddresses }),
    links: [link("client", "eth0", "router", "eth1"), ...atSwitch(["router", "director", ...serverNames])],
    clientAddresses: clients,
    directorInterfaces: ["eth0"],
    services: labServices(choice.scenario, { virtualAddress, serverAddresses, serverPort: (port) => port }),
    serversSee: { tcp: "client", udp: "client" },
    requestPath: ["client", "router", "director", "server"],
    replyPath: ["server", "router", "client"],
    udpBindAddress: virtualAddress,
  };
}

function directRoutingHosts(
  { family }: LabChoice,
  given: {
    readonly clients: readonly string[];
    readonly virtualAddress: string;
    readonly serverAddresses: readonly string[];
  },
): readonly HostPlan[] {
  const onSegment = (number: number): string => withPrefix(addressIn("services", family, number));
  const vip = alone(given.virtualAddress);
  const routes = [`default via ${addressIn("services", family, 1)}`];
  return [
    clientHost(family, given.clients),
    hostPlan("router", {
      settings: forwardingSettings,
      addresses: { eth1: [withPrefix(addressIn("clients", family, 1))], eth0: [onSegment(1)] },
    }),
    hostPlan("director", { settings: forwardingSettings, addresses: { eth0: [onSegment(2), vip] }, routes }),
    switchHost,
    ...serverNames.map((name, index) =>
      hostPlan(name, {
        settings: silentAboutVip,
        addresses: { lo: [vip], eth0: [withPrefix(given.serverAddresses[index] ?? "")] },
        routes,
      }),
    ),
  ];
}
