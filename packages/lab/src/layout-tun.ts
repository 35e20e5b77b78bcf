// The tunnelling layout: clients, director and servers each on a network of their own behind the router. The director's
// packets cross the router inside others; replies go by the router straight to the clients. What a server needs for
// that (the VIP without ARP, an unwrapper) it gets from `yardmaster realserver up`.
import { addressIn, clientAddresses, networkPrefix, withPrefix } from "./addresses.ts";
import { labServices } from "./lab-services.ts";
import type { LabChoice, LabLayout } from "./layout.ts";
import { acrossRouter, acrossRouterLinks, serverAddressesIn } from "./layout.ts";

/** The network for tunnelling with this many client addresses. */
export function tunnelLayout(choice: LabChoice, clientCount: number): LabLayout {
  const { family } = choice;
  const clients = clientAddresses(family, clientCount);
  const virtualAddress = addressIn("services", family, 10);
  const serverAddresses = serverAddressesIn("inside", family);
  const director = addressIn("outside", family, 2);
  const [clientNetwork, inside] = [networkPrefix("clients", family), networkPrefix("inside", family)];
  return {
    ...choice,
    description: `clients ${clientNetwork}, director and servers ${inside} (VIP on lo), each behind the router`,
    virtualAddress,
    hosts: acrossRouter(family, clients, { virtualAddress, addresses: [withPrefix(director)] }),
    links: acrossRouterLinks,
    clientAddresses: clients,
    directorInterfaces: ["eth0"],
    services: labServices(choice.scenario, { virtualAddress, serverAddresses, serverPort: (port) => port }),
    realServers: { directors: [director] },
    serversSee: { tcp: "client", udp: "client" },
    requestPath: ["client", "router", "director", "router", "server"],
    replyPath: ["server", "router", "client"],
    udpBindAddress: virtualAddress,
  };
}
