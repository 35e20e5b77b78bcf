// What the schema makes of a file without faults → the Configuration that the rest of the director works with.
import { formatPrefix, type Prefix } from "@yardmaster/packet";
import { familyOf } from "../address.ts";
import type { ClientAddress } from "../model/client-address.ts";
import type { Configuration, DirectorSettings } from "../model/configuration.ts";
import { isMethod } from "../model/forwarding-method.ts";
import { singlePort } from "../model/ports.ts";
import { usualOptions, usualTableSize } from "../model/scheduler.ts";
import {
  defaultDrainMs,
  type Destination,
  type MarkRule,
  type Persistence,
  prefixesOf,
  protocols,
  type ServiceMatch,
  type VirtualService,
} from "../model/virtual-service.ts";
import { isBuilt } from "../model/built.ts";
import { usualWay } from "../probes/probe.ts";
import type { ConfigurationFile, MarkEntry, ServiceEntry } from "./schema.ts";
import { networkText } from "./values.ts";

/** Completes a file that the checks found no fault in; throws where they should have. */
export function toConfiguration(file: ConfigurationFile): Configuration {
  return {
    director: toDirectorSettings(file.director),
    ...(file.api !== undefined && { api: file.api }),
    services: Object.entries(file.services).map(([name, entry]) => toService(name, entry, file.director)),
  };
}

function toDirectorSettings(written: ConfigurationFile["director"]): DirectorSettings {
  const {
    timeouts,
    dropPackets,
    marks: _marks,
    localAddresses: _local,
    mssClamp,
    pingVip,
    pathMtuDiscovery,
    interfaces,
    checkNetworks,
    ...others
  } = written;
  const { lblc, lblcr, ...timeoutsMs } = timeouts;
  const isIpvs = written.compatibility === "ipvs";
  return {
    ...others,
    interfaces,
    ...(checkNetworks !== undefined && { checkNetworks: checkNetworks.map(formatPrefix) }),
    timeoutsMs,
    localityMs: { lblc, lblcr },
    dropOneOf: dropPackets?.oneOf ?? 0,
    // IPVS leaves SYNs as they are.
    mssClamp: mssClamp ?? (isIpvs ? "off" : "auto"),
    // It leaves pings to the machine, which answers for addresses that it has.
    pingVip: pingVip ?? !isIpvs,
    pathMtuDiscovery: pathMtuDiscovery ?? true,
  };
}

function toService(name: string, entry: ServiceEntry, director: ConfigurationFile["director"]): VirtualService {
  const match = matchOf(entry, director.marks);
  const { scheduler, forwarding, onePacket, caps } = entry;
  const isIpvs = director.compatibility === "ipvs";
  const schedulerOptions = entry.schedulerOptions ?? (isIpvs ? [] : usualOptions(scheduler));
  return {
    name,
    match,
    scheduler,
    schedulerOptions: [...new Set(schedulerOptions)],
    tableSize: entry.tableSize ?? (isIpvs ? undefined : usualTableSize(scheduler)),
    forwarding,
    persistence: persistenceOf(entry, match),
    onePacket,
    caps: { newPerSecond: caps?.newPerSecond ?? 0, halfOpen: caps?.halfOpen ?? 0 },
    ...localAddressesOf(entry, director),
    ...(entry.drain !== defaultDrainMs && { drainMs: entry.drain }),
    ...(entry.slowStart > 0 && { slowStartMs: entry.slowStart }),
    ...healthOf(entry, match),
    servers: serversOf(entry, match),
  };
}

function serversOf(entry: ServiceEntry, match: ServiceMatch): readonly Destination[] {
  const servers = entry.servers.map((server) => toDestination(server, entry, match));
  if (entry.sorryServer === undefined) return servers;
  const sorry = { ...idleServer, ...entry.sorryServer };
  return [...servers, { ...toDestination(sorry, entry, match), isSorry: true }];
}

/** Of a sorry server: no new connections, until it is needed. */
const idleServer = { weight: 0, upperThreshold: 0, lowerThreshold: 0 } as const;

/** Absent where nothing is checked. */
function healthOf(entry: ServiceEntry, match: ServiceMatch): Pick<VirtualService, "health"> {
  const { onDown, quorum, servers } = entry;
  const { checks: own = [] } = ownChecksOf(entry, match);
  const isChecked = own.length > 0 || servers.some((server) => ownChecksOf(server, match).checks?.length);
  return isChecked ? { health: { checks: own, onDown, quorum } } : {};
}

function ownChecksOf(
  { check, checks }: Pick<ServerEntry, "check" | "checks">,
  match: ServiceMatch,
): Pick<Destination, "checks"> {
  const own = check === undefined ? checks : [check];
  return own === undefined ? {} : { checks: own.map((one) => ({ ...one, via: one.via ?? usualWay(match, one) })) };
}

type ServerEntry = ServiceEntry["servers"][number];

function toDestination(server: ServerEntry, service: ServiceEntry, match: ServiceMatch): Destination {
  const { address, port = portOf(match), weight, upperThreshold, lowerThreshold } = server;
  const forwarding = server.forwarding ?? service.forwarding;
  return {
    ...{ address, port, weight, forwarding, upperThreshold, lowerThreshold },
    ...(server.drain !== undefined && { drainMs: server.drain }),
    ...(isMethod(forwarding, "tun") && {
      encapsulation: server.encapsulation ?? service.encapsulation ?? { kind: "ipip" },
    }),
    ...(isMethod(forwarding, "fullnat") && { clientAddress: clientAddressOf(server, service) }),
    ...ownChecksOf(server, match),
  };
}

/** Only TCP has options to tell it in. */
function clientAddressOf(server: ServerEntry, service: ServiceEntry): ClientAddress {
  const usual = service.protocol === "udp" || !isBuilt("clientAddress") ? "none" : "toa";
  return server.clientAddress ?? service.clientAddress ?? usual;
}

function localAddressesOf(
  { forwarding, servers, sorryServer, localAddresses: own }: ServiceEntry,
  director: ConfigurationFile["director"],
): Pick<VirtualService, "localAddresses"> {
  const all: readonly Pick<ServerEntry, "forwarding">[] =
    sorryServer === undefined ? servers : [...servers, sorryServer];
  if (!all.some((server) => isMethod(server.forwarding ?? forwarding, "fullnat"))) return {};
  return { localAddresses: own ?? director.localAddresses ?? [] };
}

/** The port that all of a service's packets have, or 0: a server gets them on their own. */
function portOf(match: ServiceMatch): number {
  if (match.kind === "exact") return match.port;
  return match.kind === "mark" ? 0 : (singlePort(match.ports) ?? 0);
}

function matchOf(
  { address, addresses, port, protocol = "tcp", mark, servers }: ServiceEntry,
  marks: readonly MarkEntry[],
): ServiceMatch {
  if (mark !== undefined) return markMatch(mark, servers, marks);
  const [first, ...rest] = address === undefined ? (addresses ?? []) : [address];
  if (first === undefined || port === undefined) throw new Error("a checked service says which packets are its");
  const one = singlePort(port);
  const isExact = rest.length === 0 && first.length === first.address.length * 8;
  if (isExact && one !== undefined) return { kind: "exact", address: networkText(first), port: one, protocol };
  return { kind: "wide", prefixes: [formatPrefix(first), ...rest.map(formatPrefix)], ports: port, protocol };
}

/** The rules that give a mark to packets of the servers' family. */
function markMatch(mark: number, servers: ServiceEntry["servers"], marks: readonly MarkEntry[]): ServiceMatch {
  const own = marks.filter((entry) => entry.mark === mark);
  const family = servers[0] === undefined ? familyOfPrefix(own[0]?.address) : familyOf(servers[0].address);
  const [first, ...rest] = own.filter(({ address }) => familyOfPrefix(address) === family).map(toMarkRule);
  if (first === undefined) throw new Error("a checked mark is given to packets");
  return { kind: "mark", mark, rules: [first, ...rest] };
}

function toMarkRule({ address, port = "any", protocol }: MarkEntry): MarkRule {
  return { prefix: formatPrefix(address), ports: port, protocols: protocol === undefined ? protocols : [protocol] };
}

function familyOfPrefix(prefix: Prefix | undefined): "ipv4" | "ipv6" {
  return prefix?.address.length === 16 ? "ipv6" : "ipv4";
}

function persistenceOf({ persistence }: ServiceEntry, match: ServiceMatch): Persistence | undefined {
  if (persistence === undefined) return undefined;
  const longest = familyOf(prefixesOf(match)[0] ?? "") === "ipv6" ? 128 : 32;
  return { timeoutMs: persistence.timeout, maskBits: persistence.netmask ?? longest };
}
