// The full NAT layout: clients, director and servers each on a network of their own behind the router; requests and
// replies cross the director by its one interface. It asks nothing of the servers but a route to its local addresses;
// that unchanged programs see the client's address comes from `yardmaster realserver up`.
import { addressIn, alone, clientAddresses, networkPrefix, withPrefix } from "./addresses.ts";
import { labServices } from "./lab-services.ts";
import type { LabChoice, LabLayout } from "./layout.ts";
import { acrossRouter, acrossRouterLinks, serverAddressesIn } from "./layout.ts";

/** The network for full NAT with this many client addresses. Server ports are 8000 above the service's. */
export function fullNatLayout(choice: LabChoice, clientCount: number): LabLayout {
  const { family } = choice;
  const clients = clientAddresses(family, clientCount);
  const virtualAddress = addressIn("services", family, 10);
  const serverAddresses = serverAddressesIn("inside", family);
  const localAddresses = [21, 22].map((number) => addressIn("outside", family, number));
  const addresses = [withPrefix(addressIn("outside", family, 2)), ...localAddresses.map(alone)];
  const [clientNetwork, inside] = [networkPrefix("clients", family), networkPrefix("inside", family)];
  return {
    ...choice,
    description: `clients ${clientNetwork}, director and servers ${inside}, each behind the router`,
    virtualAddress,
    hosts: acrossRouter(family, clients, { virtualAddress, addresses }),
    links: acrossRouterLinks,
    clientAddresses: clients,
    directorInterfaces: ["eth0"],
    services: labServices(choice.scenario, { virtualAddress, serverAddresses, serverPort: (port) => port + 8000 }),
    localAddresses,
    // A datagram has no room for the client's address.
    serversSee: { tcp: "client", udp: "director" },
    realServers: { directors: localAddresses },
    requestPath: ["client", "router", "director", "router", "server"],
    replyPath: ["server", "router", "director", "router", "client"],
    udpBindAddress: family === "ipv4" ? "0.0.0.0" : "::",
  };
}
