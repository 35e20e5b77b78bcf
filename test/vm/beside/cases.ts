// What is compared: each scheduler with each forwarding method and protocol, and the traffic for it. The same list
// configures both directors, the servers and the client.
import type { Protocol, Scheduler } from "@yardmaster/director";
import { clientAddresses, servers, virtualAddresses } from "./layout.ts";
import type { Visit } from "./visit.ts";

/** The forwarding methods to compare: what ipvsadm calls them. */
const modes = { nat: "-m", dr: "-g" } as const;
const protocols = { tcp: "-t", udp: "-u" } as const satisfies Readonly<Record<Protocol, string>>;

/** One comparison. Its services differ from those of others by their port. */
export interface Case {
  /** "wlc nat tcp". */
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly method: keyof typeof modes;
  readonly protocol: Protocol;
  readonly services: readonly CaseService[];
}

/** A virtual service; its servers are those of layout.ts, all with the same port. */
export interface CaseService {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly serverPort: number;
}

/** Connections in a case: whole rounds of wrr with the servers' weights. */
export const CONNECTIONS = 36;

/**
 * How many connections are opened behind one before it is closed, in turn: some are closed at once, some go on to the
 * end. So at times there are more open connections than ovf admits to all servers together.
 */
const LIFETIMES = [0, 3, CONNECTIONS, 8] as const;

const FIRST_PORT = 2000;
/** nat maps ports: servers listen this much higher. */
const PORT_SHIFT = 8000;
const FIRST_CLIENT_PORT = 20_000;
/** These look where a packet goes to: they get several virtual addresses. */
const BY_DESTINATION: ReadonlySet<string> = new Set(["dh", "lblc", "lblcr"]);

/** The cases for these schedulers. */
export function casesOf(schedulers: readonly Scheduler[]): readonly Case[] {
  const each = schedulers.flatMap((scheduler) =>
    keysOf(modes).flatMap((method) => keysOf(protocols).map((protocol) => ({ scheduler, method, protocol }))),
  );
  return each.map(({ scheduler, method, protocol }, index) => {
    const name = `${scheduler} ${method} ${protocol}`;
    const port = FIRST_PORT + index;
    const addresses = BY_DESTINATION.has(scheduler) ? virtualAddresses : virtualAddresses.slice(0, 1);
    const services = addresses.map((address, at) => ({
      name: `${name.replaceAll(" ", "-")}-${at + 1}`,
      address,
      port,
      serverPort: method === "nat" ? port + PORT_SHIFT : port,
    }));
    return { name, scheduler, method, protocol, services };
  });
}

/** The connections of a case: each client address in turn, each client port once, each service in turn. */
export function visitsOf({ method, services }: Case): readonly Visit[] {
  return Array.from({ length: CONNECTIONS }, (_, index) => {
    const { address, port } = inTurn<CaseService>(services, index);
    const from = { address: inTurn(clientAddresses[method], index), port: FIRST_CLIENT_PORT + index };
    return { from, to: { address, port }, lifetime: inTurn(LIFETIMES, index) };
  });
}

/** How ipvsadm names a service. */
export function ipvsadmService({ protocol }: Case, { address, port }: CaseService): readonly [string, string] {
  return [protocols[protocol], `${address}:${port}`];
}

/** ipvsadm's own commands (`ipvsadm -R`) for all cases. The kernel puts each server before those it has. */
export function ipvsadmCommands(cases: readonly Case[]): string {
  const lines = cases.flatMap((each) =>
    each.services.flatMap((service) => {
      const words = ipvsadmService(each, service).join(" ");
      const server = ({ address, weight }: (typeof servers)[number]) =>
        `-a ${words} -r ${address}:${service.serverPort} ${modes[each.method]} -w ${weight}`;
      return [`-A ${words} -s ${each.scheduler}`, ...servers.map(server)];
    }),
  );
  return `${lines.join("\n")}\n`;
}

/** Yardmaster's configuration for all cases. Its first server is the first of the list, so they stand in reverse. */
export function yardmasterConfiguration(cases: readonly Case[], interfaces: readonly string[]): string {
  const services = cases.flatMap(({ scheduler, method, protocol, services }) =>
    services.map(({ name, address, port, serverPort }) => {
      const listed = servers.toReversed().map((server) => ({
        address: server.address,
        port: serverPort,
        weight: server.weight,
      }));
      return [name, { address, port, protocol, scheduler, forwarding: method, servers: listed }] as const;
    }),
  );
  const director = {
    interfaces,
    hook: "xdp",
    compatibility: "ipvs",
    timeouts: { tcp: "15m", tcpFin: "15m", udp: "15m" },
    connections: { maximum: 20_000 },
  };
  return `${JSON.stringify({ director, services: Object.fromEntries(services) }, undefined, 2)}\n`;
}

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): readonly Key[] {
  return Object.keys(record) as Key[];
}

function inTurn<T>(items: readonly T[], index: number): T {
  return items[index % items.length] as T;
}
