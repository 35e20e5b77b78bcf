// With dr and tun the server has the service's address itself and must not answer ARP for it. From here only the
// opposite can be seen, where the address is not this machine's own: that the server does answer.
import type { Check } from "./check.ts";
import { realServerUp } from "./real-server-command.ts";

/** Finds a server that answers ARP or neighbour discovery for the service's address. */
export const vipOnServer: Check = ({ forwarding, server, virtual }, network) => {
  const route = network.routeTo(server);
  const { mac } = (route && network.neighbour(route.interfaceName, server)) ?? {};
  if (route === undefined || mac === undefined) return [];
  return virtual.flatMap((address) => {
    if (network.neighbour(route.interfaceName, address)?.mac !== mac) return [];
    return {
      severity: "warning",
      code: "YM_CONFIG_VIP_ANSWERED",
      message: `server ${server} answers ARP for ${address}: clients there go past the director`,
      evidence: `ip neighbour show dev ${route.interfaceName}: ${address} and ${server} are both ${mac}`,
      hint: `on the server: ${realServerUp({ forwarding, virtual: [address], director: route.source })}`,
    } as const;
  });
};
