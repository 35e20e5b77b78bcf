// The real servers of a lab: one program on each server's host, listening wherever a service may send to.
import type { HostProcess } from "./host-process.ts";
import { ask, programCommand, startHostProcess } from "./host-process.ts";
import type { LabLayout, LabService } from "./layout.ts";
import { serverHosts } from "./layout.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";

/** What the server program is started with. */
export interface RealServerOptions {
  readonly name: string;
  readonly tcpPorts: readonly number[];
  readonly udpPorts: readonly number[];
  readonly udpBindAddress: string;
}

/** Starts a server program on every server's host. */
export function startServers(
  network: LabNetwork,
  logFolder: string,
  controlGroupOf: (host: string) => string | undefined,
): readonly HostProcess[] {
  return serverHosts(network.layout).map(({ name }) => {
    const command = realServerCommand(network.layout, name);
    const namespace = namespaceOf(network, name);
    return startHostProcess({
      namespace,
      name,
      command,
      logFolder,
      channel: "messages",
      controlGroup: controlGroupOf(name),
    });
  });
}

/** What runs the server program of a host. */
export function realServerCommand(layout: LabLayout, name: string): readonly [string, ...string[]] {
  const options: RealServerOptions = {
    name,
    tcpPorts: portsOf(layout.services, name, "tcp"),
    udpPorts: portsOf(layout.services, name, "udp"),
    udpBindAddress: layout.udpBindAddress,
  };
  return programCommand("real-server", JSON.stringify(options));
}

/** TCP connections that a server counts as open, by its port. */
export type OpenByPort = Readonly<Record<number, number>>;

/** Asks every server what it counts as open; by the server's name. */
export async function askOpenConnections(
  servers: readonly HostProcess[],
): Promise<Readonly<Record<string, OpenByPort>>> {
  const counts = servers.map(async (server) => [server.name, (await ask(server, "open")) as OpenByPort] as const);
  return Object.fromEntries(await Promise.all(counts));
}

function portsOf(services: readonly LabService[], host: string, protocol: "tcp" | "udp"): readonly number[] {
  const destinations = services.filter((service) => service.protocol === protocol).flatMap((each) => each.destinations);
  return [...new Set(destinations.filter((each) => each.host === host).map((each) => each.port))];
}
