// Direct routing sends to a MAC address: the server must be on a link of this machine.
import type { Check } from "./check.ts";
import { routeEvidence } from "./network.ts";

/** Finds a router between the director and the server. */
export const onLink: Check = ({ forwarding, server }, network) => {
  const route = network.routeTo(server);
  if (route?.type !== "unicast" || route.gateway === undefined) return [];
  const where = `behind the router ${route.gateway} (${route.interfaceName})`;
  return [
    {
      severity: "error",
      code: "YM_CONFIG_NOT_ON_LINK",
      message: `${forwarding} server ${server} is ${where}; ${forwarding} needs it on the same link`,
      evidence: routeEvidence(server, route),
      hint:
        `if it is on that link: ip route replace ${server} dev ${route.interfaceName}; ` +
        "else use forwarding: nat, tun or fullnat",
    },
  ];
};
