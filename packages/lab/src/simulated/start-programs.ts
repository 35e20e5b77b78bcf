// What runs on the hosts of a simulated lab: transports on every one, servers, and what the real servers' half sets up.

import type { LabService } from "../layout.ts";
import { serverHosts } from "../layout.ts";
import type { SimulatedNetwork } from "./network.ts";
import { startRealServer } from "./real-server.ts";
import { TcpStack } from "./tcp-stack.ts";
import { UdpStack } from "./udp-stack.ts";
import type { Client } from "./visit.ts";

/** How long servers work on an answer: by turns, so that connections overlap and every run is the same. */
const WORK_MS = [2, 5, 1, 8, 3] as const;

/** What runs on the hosts. */
export interface Programs {
  readonly client: Client;
  /** TCP connections that the servers have open at the moment, by server and port. */
  readonly openConnections: Readonly<Record<string, Readonly<Record<number, number>>>>;
}

/** Gives every host its transports and starts the servers. */
export function startPrograms(network: SimulatedNetwork): Programs {
  const { queue, layout } = network;
  const stacks = new Map(
    network.hosts.map((host) => [host.plan.name, { queue, tcp: new TcpStack(host), udp: new UdpStack(host) }]),
  );
  let answers = 0;
  const workMs = (): number => WORK_MS[answers++ % WORK_MS.length] ?? 0;
  const stacksOf = (name: string): Client => {
    const found = stacks.get(name);
    if (found === undefined) throw new Error(`simulating the lab: the layout has no host "${name}"`);
    return found;
  };
  prepareServers(network);
  const openConnections = serverHosts(layout).map(({ name }) => {
    const ports = { tcp: portsOf(layout.services, name, "tcp"), udp: portsOf(layout.services, name, "udp") };
    return [name, startRealServer({ name, workMs, ...stacksOf(name) }, ports)] as const;
  });
  return { client: stacksOf("client"), openConnections: Object.fromEntries(openConnections) };
}

/** What `yardmaster realserver up` does on a real machine: the service's address and an unwrapper, or the client's. */
function prepareServers(network: SimulatedNetwork): void {
  const { method, realServers, virtualAddress } = network.layout;
  if (realServers === undefined) return;
  for (const { name } of serverHosts(network.layout)) {
    const host = network.host(name);
    if (method === "tun") host.addSilentAddress(virtualAddress);
    for (const director of realServers.directors) host.trustedDirectors.add(director);
  }
}

function portsOf(services: readonly LabService[], host: string, protocol: "tcp" | "udp"): readonly number[] {
  const destinations = services.filter((service) => service.protocol === protocol).flatMap((each) => each.destinations);
  return [...new Set(destinations.filter((each) => each.host === host).map(({ port }) => port))];
}
