// The NAT layout: clients – router – director – servers on an inside network whose default gateway is
// the director. What NAT asks of the network (replies lead back through the director) holds by routing.
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

/** The network for NAT with this many client addresses. Server ports are 8000 above the service's. */
export function natLayout(choice: LabChoice, clientCount: number): LabLayout {
  const { family } = choice;
  const clients = clientAddresses(family, clientCount);
  const virtualAddress = addressIn("services", family, 10);
  const serverAddresses = serverAddressesIn("inside", family);
  const [clientNetwork, inside] = [networkPrefix("clients", family), networkPrefix("inside", family)];
  return {
    ...choice,
    description: `clients ${clientNetwork} – router – director – servers ${inside} (default gateway: the director)`,
    virtualAddress,
    hosts: natHosts(choice, { clients, virtualAddress, serverAddresses }),
    links: [
      link("client", "eth0", "router", "eth0"),
      link("router", "eth1", "director", "eth0"),
      link("director", "eth1", "switch", "director"),
      ...atSwitch(serverNames),
    ],
    clientAddresses: clients,
    directorInterfaces: ["eth0", "eth1"],
    services: labServices(choice.scenario, { virtualAddress, serverAddresses, serverPort: (port) => port + 8000 }),
    serversSee: { tcp: "client", udp: "client" },
    requestPath: ["client", "router", "director", "server"],
    replyPath: ["server", "director", "router", "client"],
    udpBindAddress: family === "ipv4" ? "0.0.0.0" : "::",
  };
}

function natHosts(
  { family }: LabChoice,
  given: {
    readonly clients: readonly string[];
    readonly virtualAddress: string;
    readonly serverAddresses: readonly string[];
  },
): readonly HostPlan[] {
  const outside = (number: number): string => addressIn("outside", family, number);
  return [
    clientHost(family, given.clients),
    hostPlan("router", {
      settings: forwardingSettings,
      addresses: { eth0: [withPrefix(addressIn("clients", family, 1))], eth1: [withPrefix(outside(1))] },
      routes: [`${networkPrefix("services", family)} via ${outside(2)}`],
    }),
    hostPlan("director", {
      settings: forwardingSettings,
      addresses: {
        eth0: [withPrefix(outside(2)), alone(given.virtualAddress)],
        eth1: [withPrefix(addressIn("inside", family, 1))],
      },
      routes: [`default via ${outside(1)}`],
    }),
    switchHost,
    ...serverNames.map((name, index) =>
      hostPlan(name, {
        addresses: { eth0: [withPrefix(given.serverAddresses[index] ?? "")] },
        routes: [`default via ${addressIn("inside", family, 1)}`],
      }),
    ),
  ];
}
