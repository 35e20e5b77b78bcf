// The layout of containers: clients – router – the director's machine, on which the servers are containers: namespaces
// of their own at a bridge of that machine, as Docker makes them. Their gateway is the bridge, so NAT is all they need.
// Nothing computes checksums or cuts segments on the way: packets come to the director as the sockets made them.
import { addressIn, alone, clientAddresses, networkPrefix, withPrefix } from "./addresses.ts";
import { labServices } from "./lab-services.ts";
import type { HostPlan, LabChoice, LabLayout } from "./layout.ts";
import { clientHost, forwardingSettings, hostPlan, link, serverAddressesIn, serverNames } from "./layout.ts";

const bridge = "br0";

/** The network for containers with this many client addresses. Server ports are 8000 above the service's. */
export function containersLayout(choice: LabChoice, clientCount: number): LabLayout {
  const { family } = choice;
  const clients = clientAddresses(family, clientCount);
  const virtualAddress = addressIn("services", family, 10);
  const serverAddresses = serverAddressesIn("inside", family);
  const [clientNetwork, inside] = [networkPrefix("clients", family), networkPrefix("inside", family)];
  return {
    ...choice,
    description: `clients ${clientNetwork} – router – one machine: director, bridge, containers ${inside}`,
    virtualAddress,
    hosts: containerHosts(choice, clients),
    links: [
      link("client", "eth0", "router", "eth0"),
      link("router", "eth1", "director", "eth0"),
      ...serverNames.map((name) => link(name, "eth0", "director", portOf(name))),
    ],
    clientAddresses: clients,
    directorInterfaces: ["eth0", bridge],
    services: labServices(choice.scenario, { virtualAddress, serverAddresses, serverPort: (port) => port + 8000 }),
    serversSee: { tcp: "client", udp: "client" },
    requestPath: ["client", "router", "director", "server"],
    replyPath: ["server", "director", "router", "client"],
    udpBindAddress: family === "ipv4" ? "0.0.0.0" : "::",
  };
}

/** The machine's end of a container's cable. */
function portOf(name: string): string {
  return `veth-${name}`;
}

function containerHosts({ family }: LabChoice, clients: readonly string[]): readonly HostPlan[] {
  const outside = (number: number): string => addressIn("outside", family, number);
  const gateway = addressIn("inside", family, 1);
  return [
    clientHost(family, clients),
    hostPlan("router", {
      settings: forwardingSettings,
      addresses: { eth0: [withPrefix(addressIn("clients", family, 1))], eth1: [withPrefix(outside(1))] },
      routes: [`${networkPrefix("services", family)} via ${outside(2)}`],
    }),
    {
      ...hostPlan("director", {
        settings: forwardingSettings,
        addresses: {
          lo: [alone(addressIn("services", family, 10))],
          eth0: [withPrefix(outside(2))],
          [bridge]: [withPrefix(gateway)],
        },
        routes: [`default via ${outside(1)}`],
      }),
      bridge: { name: bridge, ports: serverNames.map(portOf) },
    },
    ...serverNames.map((name, index) =>
      hostPlan(name, {
        addresses: { eth0: [withPrefix(serverAddressesIn("inside", family)[index] ?? "")] },
        routes: [`default via ${gateway}`],
      }),
    ),
  ];
}
