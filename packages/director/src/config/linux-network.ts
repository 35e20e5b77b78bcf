// The Network of the machine that we run on, as the kernel tells it over netlink.
import { listLinks, routeTo } from "@yardmaster/linux";
import type { Network, NetworkRoute } from "./check-network.ts";

/** Interfaces are read once, here; routes when they are asked for. Throws SyscallError if netlink is refused. */
export function createLinuxNetwork(): Network {
  const links = listLinks();
  return {
    interfaces: () => links,
    routeTo: (address): NetworkRoute | undefined => {
      const route = routeTo(address);
      if (route.type === "unreachable") return undefined;
      const link = links.find(({ index }) => index === route.interfaceIndex);
      const interfaceName = link?.name ?? `interface ${route.interfaceIndex}`;
      return { type: route.type, interfaceName, gateway: route.gateway };
    },
  };
}
