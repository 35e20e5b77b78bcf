// The next hop to a server must answer ARP or neighbour discovery: without its MAC address nothing can be sent.
import type { Check } from "./check.ts";

/** Finds next hops that were asked for and did not answer. */
export const neighbourKnown: Check = ({ server }, network) => {
  const route = network.routeTo(server);
  if (route?.type !== "unicast") return [];
  const { interfaceName, gateway: hop = server } = route;
  if (network.neighbour(interfaceName, hop)?.state !== "failed") return [];
  const what = hop === server ? `server ${server}` : `the router ${hop} on the way to server ${server}`;
  return [
    {
      severity: "warning",
      code: "YM_CONFIG_NEIGHBOUR",
      message: `${what} does not answer ${hop.includes(":") ? "neighbour discovery" : "ARP"} on ${interfaceName}`,
      evidence: `ip neighbour show ${hop} dev ${interfaceName}: FAILED`,
      hint: `is it up, and on that link? ip neighbour flush ${hop} dev ${interfaceName} asks again`,
    },
  ];
};
