// The routing table of a simulated host, filled from the lab's layout: networks on its interfaces, and the routes as
// `ip route add` takes them. The longest prefix wins.
import { ipv4ToNumber } from "@yardmaster/packet";

import type { HostPlan } from "../layout.ts";

/** Which way a packet goes. */
export interface Way {
  readonly interfaceName: string;
  /** The gateway, or the destination itself where it is on the link. */
  readonly nextHop: number;
}

interface Route {
  readonly network: number;
  readonly mask: number;
  readonly interfaceName: string;
  readonly gateway: number | undefined;
}

/** The routes of one host. */
export class RouteTable {
  /** Longest prefix first. */
  readonly #routes: Route[] = [];

  /** Throws for a route whose gateway is not on a link of the host: the layout is wrong. */
  constructor({ name, addresses, routes }: Pick<HostPlan, "name" | "addresses" | "routes">) {
    for (const { interfaceName, address } of addresses) {
      // What is on lo, or an address of its own, brings no network.
      if (interfaceName !== "lo" && !address.endsWith("/32")) this.#add(address, interfaceName, undefined);
    }
    for (const route of routes) {
      const [, target = "", gateway = ""] = /^(\S+) via (\S+)$/.exec(route) ?? [];
      const way = gateway === "" ? undefined : this.find(ipv4ToNumber(gateway));
      if (way === undefined) throw new Error(`routing on host "${name}": no link leads to the gateway of "${route}"`);
      this.#add(target === "default" ? "0.0.0.0/0" : target, way.interfaceName, way.nextHop);
    }
  }

  /** The way to an address (as a number), or undefined when no route leads there. */
  find(address: number): Way | undefined {
    const route = this.#routes.find(({ network, mask }) => (address & mask) >>> 0 === network);
    if (route === undefined) return undefined;
    return { interfaceName: route.interfaceName, nextHop: route.gateway ?? address };
  }

  #add(prefix: string, interfaceName: string, gateway: number | undefined): void {
    const [address = "", length = "32"] = prefix.split("/");
    const mask = length === "0" ? 0 : (0xffff_ffff << (32 - Number(length))) >>> 0;
    const network = (ipv4ToNumber(address) & mask) >>> 0;
    this.#routes.push({ network, mask, interfaceName, gateway });
    this.#routes.sort((a, b) => b.mask - a.mask);
  }
}
