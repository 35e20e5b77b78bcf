// What the director of a soak is to run: its configuration as data, the file for it, and random other ones. Whatever is
// drawn, two servers of each service take connections, so that one may die.
import type { Hook, Scheduler } from "@yardmaster/director";
import type { Random } from "@yardmaster/packet";
import type { LabMethod } from "../layout.ts";
import type { SoakLayout } from "./soak-layout.ts";

/** How long a server that dies may get new connections: `fall` bad answers, and the time for the last. */
export const soakCheck = { intervalMs: 1000, timeoutMs: 1000, rise: 2, fall: 3 } as const;

/** A server of a service. */
export interface WantedServer {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** Whether the file has it. */
  readonly isThere: boolean;
}

/** What a service may have that the program must be built for. */
export const soakExtras = ["persistence", "caps", "thresholds"] as const;
export type SoakExtra = (typeof soakExtras)[number];

/** A service. */
export interface WantedService {
  readonly name: string;
  readonly method: LabMethod;
  readonly address: string;
  readonly port: number;
  readonly scheduler: Scheduler;
  readonly extras: readonly SoakExtra[];
  readonly servers: readonly WantedServer[];
}

/** A whole configuration. */
export interface Wanted {
  readonly interfaces: readonly string[];
  readonly localAddresses: readonly string[];
  readonly hook: Hook;
  readonly maximumConnections: number;
  readonly services: readonly WantedService[];
}

/** Not dh, which refuses clients whose server has weight 0, and not ovf, which refuses what is too much: as in LVS. */
const drawnSchedulers = ["rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "mh", "fo", "twos", "lblc", "lblcr"] as const;
const drawnHooks = ["xdp", "tc", "xdp-generic"] as const;
const heaviest = 9;
const connectionStep = 500;

/** What a soak begins with. */
export function firstWanted(layout: SoakLayout): Wanted {
  return {
    interfaces: layout.directorInterfaces,
    localAddresses: layout.localAddresses,
    hook: layout.hook,
    maximumConnections: 20_000,
    services: layout.services.map(({ name, method, address, port, scheduler, destinations }) => ({
      ...{ name, method, address, port, scheduler, extras: [] },
      servers: destinations.map((destination) => ({ ...destination, isThere: true })),
    })),
  };
}

/** The file. */
export function wantedText(wanted: Wanted): string {
  const { intervalMs, timeoutMs, rise, fall } = soakCheck;
  const check = `{ tcp: {}, interval: ${intervalMs}ms, timeout: ${timeoutMs}ms, rise: ${rise}, fall: ${fall} }`;
  return [
    "# Written by yardmaster lab soak.",
    "director:",
    `  interfaces: [${wanted.interfaces.join(", ")}]`,
    `  hook: ${wanted.hook}`,
    `  connections: { maximum: ${wanted.maximumConnections} }`,
    "  timeouts: { tcpFin: 5s, timeWait: 5s }",
    "  quiescedTemplates: leave",
    `  localAddresses: [${wanted.localAddresses.map((address) => JSON.stringify(address)).join(", ")}]`,
    "services:",
    ...wanted.services.flatMap((service) => [
      `  ${service.name}:`,
      `    address: "${service.address}"`,
      `    port: ${service.port}`,
      `    forwarding: ${service.method}`,
      `    scheduler: ${service.scheduler}`,
      `    check: ${check}`,
      ...(service.extras.includes("persistence") ? ["    persistence: 20s"] : []),
      ...(service.extras.includes("caps") ? ["    caps: { newPerSecond: 100000, halfOpen: 10000 }"] : []),
      "    servers:",
      ...service.servers.filter(({ isThere }) => isThere).map((server) => `      - ${serverText(service, server)}`),
    ]),
    "",
  ].join("\n");
}

function serverText({ extras }: WantedService, { address, port, weight }: WantedServer): string {
  const threshold = extras.includes("thresholds") ? ", upperThreshold: 100000" : "";
  return `{ address: "${address}", port: ${port}, weight: ${weight}${threshold} }`;
}

/** What to draw from, and the host whose servers neither come nor go: one that is dead would come as if it lived. */
export interface Draw {
  readonly random: Random;
  readonly dead: string | undefined;
}

/** Other weights, servers that come and servers that go, in some of the services. */
export function withOtherServers(wanted: Wanted, draw: Draw): Wanted {
  // At least one is another.
  const at = draw.random.below(wanted.services.length);
  const services = wanted.services.map((service, index) =>
    index === at || draw.random.chance(0.4) ? otherServers(service, draw) : service,
  );
  return { ...wanted, services };
}

function otherServers(service: WantedService, { random, dead }: Draw): WantedService {
  while (true) {
    const at = random.below(service.servers.length);
    const isMove = random.chance(0.5) && service.servers[at]?.host !== dead;
    const servers = service.servers.map((server, index) => {
      if (index !== at) return server;
      return isMove ? { ...server, isThere: !server.isThere } : { ...server, weight: random.below(heaviest + 1) };
    });
    const isOther = isMove || (servers[at]?.isThere === true && servers[at].weight !== service.servers[at]?.weight);
    if (isOther && servers.filter(({ isThere, weight }) => isThere && weight > 0).length >= 2) {
      return { ...service, servers };
    }
  }
}

/** A single server's change as people make it by hand. */
export interface HandChange {
  readonly method: "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly fields?: object;
}

/** One server of one service other, and the change of the running director that makes it so. */
export function byHand(wanted: Wanted, draw: Draw): { readonly wanted: Wanted; readonly change: HandChange } {
  const at = draw.random.below(wanted.services.length);
  const before = wanted.services[at];
  if (before === undefined) throw new RangeError("a soak has services");
  const after = otherServers(before, draw);
  const index = after.servers.findIndex((server, place) => server !== before.servers[place]);
  const server = after.servers[index];
  if (server === undefined) throw new RangeError("a soak's services have servers");
  const { address, port, weight } = server;
  const name = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const servers = `/v1/services/${before.name}/servers`;
  const one = `${servers}/${encodeURIComponent(name)}`;
  const services = wanted.services.map((service, place) => (place === at ? after : service));
  const change = ((): HandChange => {
    if (!server.isThere) return { method: "DELETE", path: one };
    if (before.servers[index]?.isThere === true) return { method: "PATCH", path: one, fields: { weight } };
    const threshold = after.extras.includes("thresholds") ? { upperThreshold: 100_000 } : {};
    return { method: "POST", path: servers, fields: { address, port, weight, ...threshold } };
  })();
  return { wanted: { ...wanted, services }, change };
}

/** Something that the running program may have to be exchanged for. */
export function withOtherShape(wanted: Wanted, { random }: Draw): Wanted {
  const kind = random.below(10);
  if (kind < 2) {
    const others = drawnHooks.filter((hook) => hook !== wanted.hook);
    return { ...wanted, hook: others[random.below(others.length)] ?? "xdp" };
  }
  if (kind < 4) return { ...wanted, maximumConnections: wanted.maximumConnections + connectionStep };
  const at = random.below(wanted.services.length);
  const services = wanted.services.map((service, index): WantedService => {
    if (index !== at) return service;
    if (kind < 7) return { ...service, scheduler: random.pick(drawnSchedulers) };
    const extra = random.pick(soakExtras);
    const extras = service.extras.includes(extra)
      ? service.extras.filter((one) => one !== extra)
      : [...service.extras, extra];
    return { ...service, extras };
  });
  return { ...wanted, services };
}
