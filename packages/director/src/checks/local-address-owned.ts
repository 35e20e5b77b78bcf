// Full NAT's answers go to local addresses: these must lead to this machine, and be nobody else's.
import type { Check, Finding, Subject } from "./check.ts";
import { type Network, type NetworkRoute, routeEvidence } from "./network.ts";

/** Finds local addresses whose packets would not come here, and the one that the machine itself uses. */
export const localAddressOwned: Check = (subject, network) => {
  const route = network.routeTo(subject.server);
  return subject.localAddresses.flatMap((address) => check(address, subject, network, route));
};

function check(
  address: string,
  { server }: Subject,
  network: Network,
  way: NetworkRoute | undefined,
): readonly Finding[] {
  const route = network.routeTo(address);
  const length = address.includes(":") ? 128 : 32;
  const own = (device: string) => `ip address add ${address}/${length} dev ${device}`;
  const code = "YM_CONFIG_LOCAL_ADDRESS";
  if (route === undefined || route.type === "unicast") {
    const isOnLink = route !== undefined && route.gateway === undefined;
    const device = isOnLink ? route.interfaceName : "lo";
    const why = isOnLink
      ? `nobody answers ${length === 32 ? "ARP" : "neighbour discovery"} for it`
      : "it leads elsewhere";
    return [
      {
        severity: "error",
        code,
        about: address,
        message: `answers to ${address}, no address of this machine, do not come here: ${why}`,
        evidence: route === undefined ? `ip route get ${address}: no route` : routeEvidence(address, route),
        hint: `${own(device)}${isOnLink ? "" : ", and a route to it through this machine on every server"}`,
      },
    ];
  }
  if (route.type !== "local") {
    const message = `${address} is a ${route.type} address here (${route.interfaceName})`;
    return [
      {
        severity: "error",
        code,
        about: address,
        message,
        evidence: routeEvidence(address, route),
        hint: "write another",
      },
    ];
  }
  if (way?.source !== address) return [];
  return [
    {
      severity: "warning",
      code,
      about: address,
      message: `this machine's own connections to ${server} come from ${address} too: ports may clash`,
      evidence: `${routeEvidence(server, way)} src ${address}`,
      hint: `give fullnat an address of its own: ip address add ADDRESS/${length} dev ${way.interfaceName}`,
    },
  ];
}
