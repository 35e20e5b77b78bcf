// The next hop to a server must answer ARP or neighbour discovery: without its MAC address nothing can be sent.
import type { Check } from "./check.ts";
import type { KnownNeighbour } from "./network.ts";

/** The kernel asks anew after a second (net.ipv4.neigh.default.retrans_time_ms): then the first answer is missing. */
const PATIENCE_MS = 1000;

/**
 * Finds next hops that were asked for and did not answer. While packets wait for one, as those of tc do, the kernel
 * begins to ask anew whenever it has given up.
 */
export const neighbourKnown: Check = ({ server }, network) => {
  const route = network.routeTo(server);
  if (route?.type !== "unicast") return [];
  const { interfaceName, gateway: hop = server } = route;
  const seen = silence(network.neighbour(interfaceName, hop));
  if (seen === undefined) return [];
  const what = hop === server ? `server ${server}` : `the router ${hop} on the way to server ${server}`;
  return [
    {
      severity: "warning",
      code: "YM_CONFIG_NEIGHBOUR",
      message: `${what} does not answer ${hop.includes(":") ? "neighbour discovery" : "ARP"} on ${interfaceName}`,
      evidence: `ip neighbour show ${hop} dev ${interfaceName}: ${seen}`,
      hint: `is it up, and on that link? ip neighbour flush ${hop} dev ${interfaceName} asks again`,
    },
  ];
};

/** That an address does not answer, as `ip neighbour` shows it; undefined: it does, or nothing is known. */
function silence(neighbour: KnownNeighbour | undefined): string | undefined {
  if (neighbour?.state === "failed") return "FAILED";
  const { silentMs = 0 } = neighbour ?? {};
  return silentMs > PATIENCE_MS ? "INCOMPLETE" : undefined;
}
