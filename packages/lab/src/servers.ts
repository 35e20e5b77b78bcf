// The real servers of a lab: one program on each server's host, listening wherever a service may send to.
import type { HostProcess } from "./host-process.ts";
import { ask, programCommand, startHostProcess, waitForLog } from "./host-process.ts";
import type { LabService } from "./layout.ts";
import { serverHosts } from "./layout.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";

const readyTimeoutMs = 20_000;

/** What the server program is started with. */
export interface RealServerOptions {
  readonly name: string;
  readonly tcpPorts: readonly number[];
  readonly udpPorts: readonly number[];
  readonly udpBindAddress: string;
}

/** What a server counted itself. */
export interface ServerCounts {
  readonly requests: number;
  readonly datagrams: number;
}

/** Starts a server program on every server's host. They are up once `waitForServers` has returned. */
export function startServers(network: LabNetwork, logFolder: string): readonly HostProcess[] {
  return serverHosts(network.layout).map(({ name }) => {
    const options: RealServerOptions = {
      name,
      tcpPorts: portsOf(network.layout.services, name, "tcp"),
      udpPorts: portsOf(network.layout.services, name, "udp"),
      udpBindAddress: network.layout.udpBindAddress,
    };
    const command = programCommand("real-server.ts", JSON.stringify(options));
    const namespace = namespaceOf(network, name);
    return startHostProcess({ namespace, name, command, logFolder, channel: "messages" });
  });
}

/** Waits until all servers listen. */
export async function waitForServers(servers: readonly HostProcess[], signal: AbortSignal | undefined): Promise<void> {
  await Promise.all(servers.map((server) => waitForLog(server, /^ready$/m, { timeoutMs: readyTimeoutMs, signal })));
}

/** What each server counted, by name. */
export async function serverCounts(servers: readonly HostProcess[]): Promise<Readonly<Record<string, ServerCounts>>> {
  const entries = await Promise.all(
    servers.map(async (server) => [server.name, (await ask(server, "counts")) as ServerCounts] as const),
  );
  return Object.fromEntries(entries);
}

/** Lets the servers go on after the lab's own process has ended. */
export async function leaveServersRunning(servers: readonly HostProcess[]): Promise<void> {
  for (const server of servers) {
    await ask(server, "stay");
    server.child.disconnect();
    server.child.unref();
  }
}

function portsOf(services: readonly LabService[], host: string, protocol: "tcp" | "udp"): readonly number[] {
  const destinations = services.filter((service) => service.protocol === protocol).flatMap((each) => each.destinations);
  return [...new Set(destinations.filter((each) => each.host === host).map((each) => each.port))];
}
