// Checks of a configuration against the network of this machine: interfaces that exist, servers that have a route,
// direct-routing servers on a directly connected link, VIPs that reach this machine.
import { formatAddress } from "@yardmaster/packet";
import { quoteValue } from "./fault.ts";
import type { Outline, ServerOutline } from "./outline.ts";
import type { Path, Source } from "./source.ts";
import { suggest } from "./suggest.ts";

/** How packets to an address leave this machine. */
export interface NetworkRoute {
  /** What becomes of them: sent on, kept by this machine, or sent to many. */
  readonly type: "unicast" | "local" | "broadcast" | "anycast" | "multicast";
  readonly interfaceName: string;
  /** The router that they go through; undefined if the address is on the interface's own link. */
  readonly gateway: string | undefined;
}

/** What the checks ask of this machine's network. */
export interface Network {
  /** The route to an address in text; undefined if there is none. */
  routeTo(address: string): NetworkRoute | undefined;
  interfaces(): readonly { readonly name: string; readonly index: number }[];
}

/** Reports faults and warnings between a file and the network. Errors of `network` itself are the caller's. */
export function checkNetwork(outline: Outline, network: Network, source: Source): void {
  checkInterfaceNames(outline, network, source);
  for (const service of outline.services) {
    for (const { path, value } of service.addresses) {
      // Of a prefix the kernel does not say whether all of it is this machine's.
      if (value.length === value.address.length * 8)
        checkVirtualAddress(path, formatAddress(value.address), network, source);
    }
    for (const server of service.servers ?? []) checkServerRoute(server, network, source);
  }
}

function checkInterfaceNames(outline: Outline, network: Network, source: Source): void {
  const names = network.interfaces().map((link) => link.name);
  for (const { path, value: name } of outline.interfaces) {
    if (names.includes(name)) continue;
    const near = suggest(name, names);
    const suggestion = near === undefined ? "" : `did you mean ${quoteValue(near)}? `;
    const shown = names.slice(0, 10).join(", ") + (names.length > 10 ? ", …" : "");
    const hint = `${suggestion}this machine has ${shown}`;
    source.errorAt(path, { code: "YM_CONFIG_INTERFACE", message: `no interface is named ${quoteValue(name)}`, hint });
  }
}

function checkServerRoute(server: ServerOutline, network: Network, source: Source): void {
  if (server.address === undefined) return;
  const path = [...server.path, "address"];
  const route = network.routeTo(server.address);
  if (route === undefined) {
    const message = `server ${server.address} is outside any route of this machine`;
    const hint = `correct the address, or add a route: ip route add ${server.address} …`;
    source.errorAt(path, { code: "YM_CONFIG_NO_ROUTE", message, hint });
  } else if (route.type === "local") {
    const message = `server ${server.address} is an address of this machine`;
    const hint = "forwarding to the director's own host is not supported yet: run the real server on another host";
    source.errorAt(path, { code: "YM_CONFIG_SERVER_IS_LOCAL", message, hint });
  } else if (route.type !== "unicast") {
    const message = `server ${server.address} is a ${route.type} address here (${route.interfaceName})`;
    source.errorAt(path, { code: "YM_CONFIG_ADDRESS", message, hint: "write the address of one host" });
  } else if (server.forwarding === "dr" && route.gateway !== undefined) {
    const where = `behind the router ${route.gateway} (${route.interfaceName})`;
    source.errorAt(path, {
      code: "YM_CONFIG_NOT_ON_LINK",
      message: `dr server ${server.address} is ${where}; dr needs it on the same link`,
      hint: "connect it to a network that the director is in, or use forwarding: nat",
    });
  }
}

function checkVirtualAddress(path: Path, address: string, network: Network, source: Source): void {
  if (network.routeTo(address)?.type === "local") return;
  const length = address.includes(":") ? 128 : 32;
  source.warnAt(path, {
    code: "YM_CONFIG_VIP_ELSEWHERE",
    message: `${address} is no address of this machine: only a router can send its packets here`,
    hint: `fine behind a router with a route here; else: ip address add ${address}/${length} dev …`,
  });
}
