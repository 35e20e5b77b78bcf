// What is compared: each scheduler with each forwarding method and protocol, and the traffic for it. The same list
// configures both directors, the servers and the client.
import { type Scheduler, type SchedulerName, schedulers } from "@yardmaster/dataplane";
import type { Protocol } from "@yardmaster/director";
import { clientAddresses, servers, virtualAddresses } from "./layout.ts";
import type { Visit } from "./visit.ts";

/** The forwarding methods to compare: what ipvsadm calls them. */
const modes = { nat: "-m", dr: "-g" } as const;
const protocols = { tcp: "-t", udp: "-u" } as const satisfies Readonly<Record<Protocol, string>>;

/** One comparison: a virtual service. Its servers are those of layout.ts, all with the same port. */
export interface Case {
  /** "wlc nat tcp"; it is also the service's, with dashes. */
  readonly name: string;
  readonly scheduler: SchedulerName;
  readonly options: readonly string[];
  readonly method: keyof typeof modes;
  readonly protocol: Protocol;
  /** Another in each case. */
  readonly port: number;
  readonly serverPort: number;
  /** The choices are random: not one by one, only the servers that are chosen at all can be compared. */
  readonly isRandom: boolean;
  /** Clients write to each in turn. Several are a service by mark to ipvsadm. */
  readonly addresses: readonly string[];
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

/** These draw lots: no two directors choose the same. */
const BY_LOT: ReadonlySet<string> = new Set(["twos"]);

/** The cases for these schedulers; with options once without and once with all of them. */
export function casesOf(names: readonly SchedulerName[]): readonly Case[] {
  const variants = names.flatMap((scheduler) => {
    const { options = [] }: Scheduler = schedulers[scheduler];
    return (options.length === 0 ? [[]] : [[], options]).map((chosen) => ({ scheduler, options: chosen }));
  });
  const each = variants.flatMap((variant) =>
    keysOf(modes).flatMap((method) => keysOf(protocols).map((protocol) => ({ ...variant, method, protocol }))),
  );
  return each.map(({ scheduler, options, method, protocol }, index) => {
    const port = FIRST_PORT + index;
    return {
      name: [scheduler, ...options, method, protocol].join(" "),
      scheduler,
      options,
      method,
      protocol,
      port,
      serverPort: method === "nat" ? port + PORT_SHIFT : port,
      isRandom: BY_LOT.has(scheduler),
      addresses: BY_DESTINATION.has(scheduler) ? virtualAddresses : virtualAddresses.slice(0, 1),
    };
  });
}

/** What both directors call the service of a case, where a name is to be had. */
export function serviceName({ name }: Case): string {
  return name.replaceAll(" ", "-");
}

/** The connections of a case: each client address in turn, each client port once, each virtual address in turn. */
export function visitsOf({ method, addresses, port }: Case): readonly Visit[] {
  return Array.from({ length: CONNECTIONS }, (_, index) => {
    const from = { address: inTurn(clientAddresses[method], index), port: FIRST_CLIENT_PORT + index };
    return { from, to: { address: inTurn(addresses, index), port }, lifetime: inTurn(LIFETIMES, index) };
  });
}

/** How ipvsadm names a service. Of those by mark the mark is the port. */
export function ipvsadmService({ protocol, addresses, port }: Case): readonly [string, string] {
  return addresses.length > 1 ? ["-f", `${port}`] : [protocols[protocol], `${addresses[0]}:${port}`];
}

/** ipvsadm's own commands (`ipvsadm -R`) for all cases. The kernel puts each server before those it has. */
export function ipvsadmCommands(cases: readonly Case[]): string {
  const lines = cases.flatMap((each) => {
    const service = ipvsadmService(each).join(" ");
    const options = each.options.length === 0 ? "" : ` -b ${each.options.join(",")}`;
    const server = ({ address, weight }: (typeof servers)[number]) =>
      `-a ${service} -r ${address}:${each.serverPort} ${modes[each.method]} -w ${weight}`;
    return [`-A ${service} -s ${each.scheduler}${options}`, ...servers.map(server)];
  });
  return `${lines.join("\n")}\n`;
}

/** tc's own commands (`tc -batch`) that have an interface mark the packets of services that ipvsadm knows by mark. */
export function markCommands(cases: readonly Case[], interfaceName: string): string {
  const filter = ({ protocol, port }: Case) =>
    `filter add dev ${interfaceName} ingress protocol ip flower ip_proto ${protocol} dst_port ${port} ` +
    `action skbedit mark ${port}`;
  const marked = cases.filter(({ addresses }) => addresses.length > 1);
  return `${[`qdisc add dev ${interfaceName} clsact`, ...marked.map(filter)].join("\n")}\n`;
}

/** Yardmaster's configuration for all cases, to the letter of IPVS: servers in the order in which ipvsadm adds them. */
export function yardmasterConfiguration(cases: readonly Case[], interfaces: readonly string[]): string {
  const services = cases.map((each) => {
    const { scheduler, options: schedulerOptions, method: forwarding, protocol, port, addresses } = each;
    const listed = servers.map(({ address, weight }) => ({ address, port: each.serverPort, weight }));
    return [
      serviceName(each),
      { addresses, port, protocol, scheduler, schedulerOptions, forwarding, servers: listed },
    ] as const;
  });
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
