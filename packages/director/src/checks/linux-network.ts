// The Network of the machine that we run on, as the kernel tells it over netlink and in /proc/sys.
import { existsSync, readFileSync } from "node:fs";
import { type Link, listAddresses, listLinks, listNeighbours, type Route, RouteSnapshot } from "@yardmaster/linux";
import type { Network, NetworkRoute } from "./network.ts";

/**
 * Interfaces, addresses and neighbours are read here, each route and setting when it is first asked for. Throws
 * SyscallError.
 */
export function createLinuxNetwork(): Network {
  const links = listLinks();
  const nameOf = (index: number) => links.find((link) => link.index === index)?.name ?? `interface ${index}`;
  const addresses = listAddresses().map((entry) => ({ ...entry, interfaceName: nameOf(entry.interfaceIndex) }));
  const neighbours = new Map(
    listNeighbours().map(({ interfaceIndex, address, mac, state, unchangedMs }) => [
      `${nameOf(interfaceIndex)} ${address}`,
      { mac, state, ...(state === "incomplete" && { silentMs: unchangedMs }) },
    ]),
  );
  const ways = new RouteSnapshot();
  /** By address, and by what the kernel says: many addresses share one. */
  const routes = new Map<string, NetworkRoute | undefined>();
  const shared = new Map<Route, NetworkRoute | undefined>();
  let last: { readonly address: string; readonly route: NetworkRoute | undefined } | undefined;
  const settings = new Map<string, string | undefined>();
  return {
    interfaces: () => links,
    addresses: () => addresses,
    neighbour: (interfaceName, address) => neighbours.get(`${interfaceName} ${address}`),
    setting: (name) => {
      if (!settings.has(name)) settings.set(name, readSetting(name));
      return settings.get(name);
    },
    routeTo: (address) => {
      // Several checks ask for the same server, one after the other.
      if (address === last?.address) return last.route;
      const known = routes.get(address);
      last = { address, route: known };
      if (known !== undefined || routes.has(address)) return known;
      const way = ways.routeTo(address);
      const route = shared.get(way) ?? networkRoute(way, links);
      shared.set(way, route);
      routes.set(address, route);
      last = { address, route };
      return route;
    },
  };
}

function networkRoute(route: Route, links: readonly Link[]): NetworkRoute | undefined {
  if (route.type === "unreachable") return undefined;
  const { type, interfaceIndex, gateway, source } = route;
  const link = links.find(({ index }) => index === interfaceIndex);
  const interfaceName = link?.name ?? `interface ${interfaceIndex}`;
  return { type, interfaceName, gateway, source, mtu: route.mtu ?? link?.mtu ?? 0 };
}

/** Dots separate folders; an interface's own dot, as of a VLAN, is a slash in a setting's name (sysctl(8)). */
function readSetting(name: string): string | undefined {
  const file = `/proc/sys/${name.replaceAll(/[./]/g, (found) => (found === "." ? "/" : "."))}`;
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}
