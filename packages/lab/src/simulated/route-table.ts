// The routing table of a simulated host, filled from the lab's layout: networks on its interfaces, and the routes as
// `ip route add` takes them. The longest prefix wins.
import type { Prefix } from "@yardmaster/packet";
import { parseAddress, prefixContains, prefixOf } from "@yardmaster/packet";

import { familyOf } from "../addresses.ts";
import type { HostPlan } from "../layout.ts";

/** Which way a packet goes. */
export interface Way {
  readonly interfaceName: string;
  /** The gateway, or the destination itself where it is on the link, as text. */
  readonly nextHop: string;
}

interface Route {
  readonly network: Prefix;
  readonly interfaceName: string;
  readonly gateway: string | undefined;
}

/** The routes of one host. */
export class RouteTable {
  /** Longest prefix first. */
  readonly #routes: Route[] = [];
  /** What was found before: routes do not change once the table stands. */
  readonly #found = new Map<string, Way | undefined>();

  /** Throws for a route whose gateway is not on a link of the host: the layout is wrong. */
  constructor({ name, addresses, routes }: Pick<HostPlan, "name" | "addresses" | "routes">) {
    for (const { interfaceName, address } of addresses) {
      // What is on lo, or an address of its own, brings no network.
      const isAlone = address.endsWith("/32") || address.endsWith("/128");
      if (interfaceName !== "lo" && !isAlone) this.#add(address, interfaceName, undefined);
    }
    for (const route of routes) {
      const [, target = "", gateway = ""] = /^(\S+) via (\S+)$/.exec(route) ?? [];
      const way = gateway === "" ? undefined : this.#find(gateway);
      if (way === undefined) throw new Error(`routing on host "${name}": no link leads to the gateway of "${route}"`);
      const everything = familyOf(gateway) === "ipv4" ? "0.0.0.0/0" : "::/0";
      this.#add(target === "default" ? everything : target, way.interfaceName, way.nextHop);
    }
  }

  /** The way to an address (its canonical text), or undefined when no route leads there. */
  find(address: string): Way | undefined {
    if (!this.#found.has(address)) this.#found.set(address, this.#find(address));
    return this.#found.get(address);
  }

  #find(address: string): Way | undefined {
    const bytes = parseAddress(address);
    const route = this.#routes.find(({ network }) => prefixContains(network, bytes));
    if (route === undefined) return undefined;
    return { interfaceName: route.interfaceName, nextHop: route.gateway ?? address };
  }

  #add(prefix: string, interfaceName: string, gateway: string | undefined): void {
    const [address = "", length = ""] = prefix.split("/");
    this.#routes.push({ network: prefixOf(address, Number(length)), interfaceName, gateway });
    this.#routes.sort((a, b) => b.network.length - a.network.length);
  }
}
