// From what a person asked for to what the maps must hold: indexes are given out, schedulers compute
// their tables, the program's shape is chosen. Pure: the same configuration gives the same plan.

import {
  type BalancerShape,
  type Destination as DestinationRecord,
  type FamilyName,
  type FeatureName,
  methods,
  type Scheduler,
  schedulers,
} from "@yardmaster/dataplane";
import type { JsOf } from "@yardmaster/ebpf";
import { addressWords, familyOf } from "../address.ts";
import type { Configuration, DirectorSettings } from "../model/configuration.ts";
import { type Destination, prefixesOf, type VirtualService } from "../model/virtual-service.ts";
import { destinationRecord, listedMember, type ServiceRecord, serviceRecord } from "./records.ts";
import { destinationsWithRule } from "./reply-rules.ts";
import { type LiveSettings, liveSettings } from "./settings.ts";
import { type PlannedWide, planWide } from "./wide.ts";

/** A destination with its place in the maps. */
export interface PlannedDestination {
  readonly index: number;
  readonly destination: Destination;
  /** Content of the destinations map. */
  readonly record: JsOf<typeof DestinationRecord>;
  /** Content of the reply rules: this server answers for one service only. */
  readonly replyRule: { readonly key: Endpoint; readonly value: ReplyRuleRecord } | undefined;
}

type Endpoint = { address: number[]; port: number; protocol: number };
type ReplyRuleRecord = { address: number[]; port: number; reserved: number };

/** A service with everything that the maps must hold for it. */
export interface PlannedService {
  readonly index: number;
  readonly service: VirtualService;
  readonly family: FamilyName;
  /** What it is found by; undefined: wide, see `wide` of the plan. */
  readonly key: Endpoint | undefined;
  /** Without what only a clock can tell: `persistenceTicks` is 0. */
  readonly record: ServiceRecord;
  /** In list order. */
  readonly destinations: readonly PlannedDestination[];
  readonly table: Uint32Array | undefined;
}

/** What is to run. */
export interface Plan {
  readonly shape: BalancerShape;
  readonly services: readonly PlannedService[];
  readonly wide: PlannedWide;
  readonly settings: LiveSettings;
}

/** IP protocol numbers of the protocols people write. */
export const protocolNumbers = { tcp: 6, udp: 17 } as const;
const SMALLEST_LIST = 16;

/** Plans a configuration for a director whose interfaces have these MAC addresses (6 bytes each). */
export function plan(
  configuration: Configuration,
  macs: readonly Uint8Array[],
  options: Partial<Pick<BalancerShape, "clock" | "sendBack">> = {},
): Plan {
  const services = planServices(configuration);
  return {
    shape: { ...planShape(configuration, services), macs, ...options },
    services,
    wide: planWide(configuration.services),
    settings: liveSettings(configuration.director),
  };
}

function planServices({ director: { compatibility }, services }: Configuration): readonly PlannedService[] {
  let nextDestination = 0;
  const withRule = destinationsWithRule(services);
  return services.map((service, index): PlannedService => {
    const written = service.servers.map((destination) =>
      planDestination(service, destination, {
        index: nextDestination++,
        service: index,
        hasRule: withRule.has(destination),
      }),
    );
    // IPVS puts whoever comes last to the front.
    const destinations = compatibility === "ipvs" ? written.toReversed() : written;
    const members = destinations.map((each) => listedMember(each.index, each.destination));
    const scheduler: Scheduler = schedulers[service.scheduler];
    const table = scheduler.table?.(members, service.tableSize);
    return {
      index,
      service,
      family: familyOfService(service),
      key: service.match.kind === "exact" ? endpoint(service.match) : undefined,
      record: { ...serviceRecord(service, members, compatibility), tableLength: table?.length ?? 0 },
      destinations,
      table,
    };
  });
}

function familyOfService({ match }: VirtualService): FamilyName {
  return familyOf(prefixesOf(match)[0] ?? "");
}

function endpoint({ address, port, protocol }: Pick<Destination, "address" | "port"> & { protocol: "tcp" | "udp" }) {
  return { address: addressWords(address), port, protocol: protocolNumbers[protocol] };
}

function planShape(
  { director, services: wanted }: Configuration,
  services: readonly PlannedService[],
): Omit<BalancerShape, "macs"> {
  const families = [...new Set(services.map(({ family }) => family))].sort();
  const destinations = services.flatMap((service) => service.destinations);
  const used = [...new Set(destinations.map(({ destination }) => destination.forwarding))].sort();
  const needsReplyEntries = destinations.some(
    ({ destination, replyRule }) => methods[destination.forwarding].hasReplies && replyRule === undefined,
  );
  const longest = Math.max(SMALLEST_LIST, ...services.map((service) => service.destinations.length));
  return {
    families: families.length === 0 ? ["ipv4"] : families,
    schedulers: [...new Set(wanted.map(({ scheduler }) => scheduler))].sort(),
    methods: used.length === 0 ? ["dr"] : used,
    maximumConnections: director.connections.maximum * (needsReplyEntries ? 2 : 1),
    maximumServices: Math.max(1, services.length),
    maximumDestinations: Math.max(1, destinations.length),
    maximumMembers: powerOfTwo(longest),
    activeCost: director.compatibility === "ipvs" ? 257 : 256,
    features: featuresOf(director, wanted),
    clock: "jiffies",
  };
}

function featuresOf(
  { dropOneOf, compatibility }: DirectorSettings,
  services: readonly VirtualService[],
): readonly FeatureName[] {
  const isUsed: Readonly<Record<FeatureName, boolean>> = {
    thresholds: services.some(({ servers }) => servers.some(({ upperThreshold }) => upperThreshold > 0)),
    persistence: services.some(({ persistence }) => persistence !== undefined),
    onePacket: services.some(({ onePacket }) => onePacket),
    wideServices: services.some(({ match }) => match.kind !== "exact"),
    caps: services.some(({ caps }) => caps.newPerSecond > 0 || caps.halfOpen > 0),
    dropPackets: dropOneOf > 0,
    fullUdpChecksums: compatibility === "ipvs",
  };
  return (Object.keys(isUsed) as FeatureName[]).filter((name) => isUsed[name]);
}

function planDestination(
  { match }: VirtualService,
  destination: Destination,
  at: { readonly index: number; readonly service: number; readonly hasRule: boolean },
): PlannedDestination {
  return {
    index: at.index,
    destination,
    record: destinationRecord(destination, at),
    replyRule:
      at.hasRule && match.kind === "exact"
        ? {
            key: endpoint({ ...destination, protocol: match.protocol }),
            value: { address: addressWords(match.address), port: match.port, reserved: 0 },
          }
        : undefined,
  };
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}
