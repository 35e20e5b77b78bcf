// From what a person asked for to what is to run: the program's shape, with room for changes while it runs, and the
// services and settings that it begins with. Pure: the same configuration gives the same plan.

import { type BalancerShape, type FeatureName, type MethodName, methods } from "@yardmaster/dataplane";
import { familyOf } from "../address.ts";
import { claimOf, claimsOf, type NewClaim } from "../live/reply-claims.ts";
import { familyOfMatch } from "../live/service.ts";
import type { Configuration, DirectorSettings } from "../model/configuration.ts";
import { defaultEncapsulation, hasChecksum } from "../model/encapsulation.ts";
import { checksOf } from "../health/checks-of.ts";
import type { VirtualService } from "../model/virtual-service.ts";
import { probesOf } from "../probes/probe.ts";
import { type KernelPorts, type LiveSettings, liveSettings } from "./settings.ts";

/** How the destinations of a service came: all at once, or as in IPVS one by one, each to the front of the list. */
export type Arrival = "together" | "oneByOne";

/** What is to run. */
export interface Plan {
  readonly shape: BalancerShape;
  /** With their servers in list order. */
  readonly services: readonly VirtualService[];
  readonly arrival: Arrival;
  readonly settings: LiveSettings;
}

/** Lists, destinations and services that there is room for at least. */
const SMALLEST_LIST = 16;
const FEWEST_DESTINATIONS = 256;
const FEWEST_SERVICES = 64;

/** What a plan needs to know of the machine. */
interface PlanOptions {
  /** Default: as Linux has them. */
  readonly kernelPorts?: KernelPorts;
}

/** Plans a configuration for a director whose interfaces have these MAC addresses (6 bytes each). */
export function plan(
  configuration: Configuration,
  macs: readonly Uint8Array[],
  { kernelPorts, ...options }: Partial<Pick<BalancerShape, "clock" | "sendBack" | "hook">> & PlanOptions = {},
): Plan {
  const { director, services } = configuration;
  const shape = shapes.get(configuration) ?? planShape(configuration);
  shapes.set(configuration, shape);
  return {
    shape: { ...shape, macs, ...options },
    services: inListOrder(services, director),
    arrival: arrivalUnder(director),
    settings: liveSettings(director, kernelPorts),
  };
}

/** How services come to their servers. */
export function arrivalUnder({ compatibility }: Pick<DirectorSettings, "compatibility">): Arrival {
  return compatibility === "ipvs" ? "oneByOne" : "together";
}

const reversed = new WeakMap<VirtualService, VirtualService>();

/** Services with their servers as they stand in the list: IPVS puts whoever comes last to the front. */
export function inListOrder(
  services: readonly VirtualService[],
  { compatibility }: Pick<DirectorSettings, "compatibility">,
): readonly VirtualService[] {
  if (compatibility !== "ipvs") return services;
  return services.map((service) => {
    // The same for the same: who compares services can do so by identity.
    const known = reversed.get(service) ?? { ...service, servers: service.servers.toReversed() };
    reversed.set(service, known);
    return known;
  });
}

/** What a configuration needs is asked before it is put to work, and then again. */
const shapes = new WeakMap<Configuration, Omit<BalancerShape, "macs">>();

function planShape({ director, services }: Configuration): Omit<BalancerShape, "macs"> {
  const servers = services.flatMap((service) => service.servers);
  // Servers behind full NAT answer in their own family.
  const answering = servers
    .filter(({ forwarding }) => forwarding === "fullnat")
    .map(({ address }) => familyOf(address));
  const families = [...new Set([...services.map(({ match }) => familyOfMatch(match)), ...answering])].sort();
  const used = [...new Set(servers.map(({ forwarding }) => forwarding))].sort();
  const tunnels = servers.filter(({ forwarding }) => forwarding === "tun");
  const longest = Math.max(0, ...services.map((service) => service.servers.length));
  return {
    families: families.length === 0 ? ["ipv4"] : families,
    schedulers: [...new Set(services.map(({ scheduler }) => scheduler))].sort(),
    methods: used.length === 0 ? ["dr"] : used,
    encapsulations: [...new Set(tunnels.map(({ encapsulation = defaultEncapsulation }) => encapsulation.kind))].sort(),
    maximumConnections: director.connections.maximum * (needReplyEntries(services) ? 2 : 1),
    maximumServices: roomFor(services.length, FEWEST_SERVICES),
    maximumDestinations: roomFor(servers.length, FEWEST_DESTINATIONS),
    maximumMembers: roomFor(longest, SMALLEST_LIST),
    activeCost: director.compatibility === "ipvs" ? 257 : 256,
    features: featuresOf(director, services),
    clock: "jiffies",
  };
}

/** Whether any server with this method is of the other family than its service. */
function hasOtherFamily({ match, servers }: VirtualService, method: MethodName): boolean {
  const own = familyOfMatch(match);
  return servers.some(({ address, forwarding }) => forwarding === method && familyOf(address) !== own);
}

/** Whether any checks of a service go by its clients' handshakes; UDP has none. */
function takesHints(service: VirtualService): boolean {
  const { match, servers } = service;
  if (match.kind !== "mark" && match.protocol === "udp") return false;
  return servers.some((server) => checksOf(service, server).some((check) => check.takesHints));
}

/** For as many again as there are: a power of two. */
function roomFor(count: number, atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2 * count, atLeast)));
}

/** Whether any connections have an entry of their own for replies. */
function needReplyEntries(services: readonly VirtualService[]): boolean {
  const addresses = new Set<string>();
  const shared = new Map<string, NewClaim[]>();
  for (const { servers } of services) {
    for (const { address } of servers) {
      if (addresses.has(address)) shared.set(address, []);
      else addresses.add(address);
    }
  }
  let index = 0;
  for (const service of services) {
    for (const definition of service.servers) {
      const claim = claimOf(service, { index: index++, definition });
      const others = shared.get(definition.address);
      // A list for each of a hundred thousand addresses that have one server would be most of the work.
      if (others !== undefined) others.push(claim);
      else if (needsEntries([claim])) return true;
    }
  }
  return [...shared.values()].some(needsEntries);
}

/** Of all claims of an address. */
function needsEntries(claims: readonly NewClaim[]): boolean {
  return claimsOf(claims).some(({ hasRule }) => !hasRule);
}

function featuresOf(
  { dropOneOf, compatibility, mssClamp }: DirectorSettings,
  services: readonly VirtualService[],
): readonly FeatureName[] {
  const isUsed: Readonly<Record<FeatureName, boolean>> = {
    thresholds: services.some(({ servers }) => servers.some(({ upperThreshold }) => upperThreshold > 0)),
    persistence: services.some(({ persistence }) => persistence !== undefined),
    onePacket: services.some(({ onePacket }) => onePacket),
    wideServices: services.some(({ match }) => match.kind !== "exact"),
    caps: services.some(({ caps }) => caps.newPerSecond > 0 || caps.halfOpen > 0),
    handshakes: services.some(takesHints),
    dropPackets: dropOneOf > 0,
    fullUdpChecksums: compatibility === "ipvs",
    toa: services.some(({ servers }) => servers.some(({ clientAddress }) => clientAddress === "toa")),
    // Where servers answer directly, only a number says something of their clients' SYNs.
    mssClamp:
      typeof mssClamp === "number" ||
      (mssClamp === "auto" &&
        services.some(({ servers }) => servers.some(({ forwarding }) => methods[forwarding].hasReplies))),
    mixedFamilies: services.some((service) => hasOtherFamily(service, "tun")),
    translatedFamilies: services.some((service) => hasOtherFamily(service, "fullnat")),
    tunnelSources: false,
    // Of programs that take over tables which are not alike (kernel/dataplane.ts).
    holdsUnknown: false,
    tunnelChecksums: services.some(({ servers }) =>
      servers.some(({ encapsulation }) => encapsulation !== undefined && hasChecksum(encapsulation)),
    ),
    probes: probesOf(services).size > 0,
  };
  return (Object.keys(isUsed) as FeatureName[]).filter((name) => isUsed[name]);
}
