// NAT's answers must come back through the director. The server's routes cannot be read from here, but two networks are
// seen where they are likely not to: clients beside the server, and a router behind which the server is.
import { formatAddress, parseAddress, prefixContains, prefixOf } from "@yardmaster/packet";
import type { Check, Finding } from "./check.ts";
import { type Network, type NetworkRoute, type OwnAddress, routeEvidence } from "./network.ts";

/** Finds both. That answers stay away in fact is seen in the counters: traffic-hints.ts. */
export const repliesThroughDirector: Check = (subject, network) => {
  const { server, virtual } = subject;
  const route = network.routeTo(server);
  if (route?.type !== "unicast") return [];
  if (route.gateway !== undefined) return [behindRouter(server, route, route.gateway)];
  const own = ownOnLinkOf(server, route, network);
  if (own === undefined) return [];
  const beside = virtual.find((address) => isOnLinkOf(own, address));
  return beside === undefined ? [] : [besideClients(server, beside, own)];
};

/** This machine's address on the link that it shares with the server. */
function ownOnLinkOf(server: string, route: NetworkRoute, network: Network): OwnAddress | undefined {
  return network
    .addresses()
    .find((own) => own.interfaceName === route.interfaceName && own.address !== server && isOnLinkOf(own, server));
}

function isOnLinkOf({ address, prefixLength }: OwnAddress, other: string): boolean {
  if (address.includes(":") !== other.includes(":") || prefixLength >= parseAddress(address).length * 8) return false;
  return prefixContains(prefixOf(address, prefixLength), other);
}

function behindRouter(server: string, route: NetworkRoute, gateway: string): Finding {
  return {
    severity: "warning",
    code: "YM_CONFIG_REPLIES",
    message: `nat server ${server} is behind the router ${gateway}: its answers may not come back`,
    evidence: routeEvidence(server, route),
    hint: `on that router: ip route replace default via ${route.source ?? "DIRECTOR"}; or use forwarding: fullnat`,
  };
}

function besideClients(server: string, virtual: string, { address, interfaceName, prefixLength }: OwnAddress): Finding {
  const network = `${networkOf(address, prefixLength)}/${prefixLength}`;
  return {
    severity: "warning",
    code: "YM_CONFIG_REPLIES",
    message: `nat server ${server} shares a subnet with ${virtual}: clients there get its answers directly`,
    evidence: `ip address show dev ${interfaceName}: ${address}/${prefixLength}`,
    hint: `on the server: ip route replace ${network} via ${address}; or use forwarding: fullnat`,
  };
}

function networkOf(address: string, length: number): string {
  return formatAddress(prefixOf(address, length).address);
}
