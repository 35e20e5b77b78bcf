// From what a person asked for to what the maps must hold: indexes are given out, schedulers compute
// their tables, the program's shape is chosen. Pure: the same configuration gives the same plan.

import {
  type BalancerShape,
  defaultTimeoutsMs,
  type Destination as DestinationRecord,
  destinationFlags,
  type FamilyName,
  highestLevel,
  type ListedMember,
  methods,
  schedulers,
  type serviceType,
  states,
  transitionBytes,
  weightDivisor,
} from "@yardmaster/dataplane";
import type { JsOf } from "@yardmaster/ebpf";
import { addressFold, addressWords, familyOf, paddedWords } from "../address.ts";
import type { Configuration, ConnectionTimeouts } from "../model/configuration.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { destinationsWithRule } from "./reply-rules.ts";

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
type ServiceRecord = JsOf<ReturnType<typeof serviceType>>;

/** A service with everything that the maps must hold for it. */
export interface PlannedService {
  readonly index: number;
  readonly service: VirtualService;
  readonly family: FamilyName;
  readonly key: Endpoint;
  readonly record: ServiceRecord;
  readonly destinations: readonly PlannedDestination[];
  readonly table: Uint32Array | undefined;
}

/** What is to run. */
export interface Plan {
  readonly shape: BalancerShape;
  readonly services: readonly PlannedService[];
  /** Milliseconds that a connection lives in each state, by state number. */
  readonly timeoutsMs: readonly number[];
  /** Next states, as the settings map holds them. */
  readonly transitions: readonly number[];
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
  let nextDestination = 0;
  const withRule = destinationsWithRule(configuration.services);
  const services = configuration.services.map((service, index): PlannedService => {
    const destinations = service.servers.map((destination) =>
      planDestination(service, destination, {
        index: nextDestination++,
        service: index,
        hasRule: withRule.has(destination),
      }),
    );
    const members = destinations.map(listed);
    const table = schedulers[service.scheduler].table?.(members);
    return {
      index,
      service,
      family: familyOf(service.address),
      key: { address: addressWords(service.address), port: service.port, protocol: protocolNumbers[service.protocol] },
      record: { ...serviceRecord(service, members), tableLength: table?.length ?? 0 },
      destinations,
      table,
    };
  });
  const families = [...new Set(services.map(({ family }) => family))].sort();
  const used = new Set(services.flatMap(({ destinations }) => destinations.map((d) => d.destination.forwarding)));
  const names = used.size === 0 ? (["dr"] as const) : [...used].sort();
  const needsReplyEntries = services.some(({ destinations }) =>
    destinations.some(({ destination, replyRule }) => methods[destination.forwarding].hasReplies && !replyRule),
  );
  const longest = Math.max(SMALLEST_LIST, ...services.map(({ destinations }) => destinations.length));
  return {
    shape: {
      families: families.length === 0 ? ["ipv4"] : families,
      schedulers: [...new Set(configuration.services.map(({ scheduler }) => scheduler))].sort(),
      methods: names,
      macs,
      maximumConnections: configuration.director.connections.maximum * (needsReplyEntries ? 2 : 1),
      maximumServices: Math.max(1, services.length),
      maximumDestinations: Math.max(1, nextDestination),
      maximumMembers: powerOfTwo(longest),
      activeCost: 256,
      features: [],
      clock: "jiffies",
      ...options,
    },
    services,
    timeoutsMs: timeouts(configuration.director.timeouts),
    transitions: transitionBytes(),
  };
}

function planDestination(
  service: VirtualService,
  destination: Destination,
  at: { readonly index: number; readonly service: number; readonly hasRule: boolean },
): PlannedDestination {
  const { address, port, forwarding, weight } = destination;
  const replyRule = {
    key: { address: addressWords(address), port, protocol: protocolNumbers[service.protocol] },
    value: { address: addressWords(service.address), port: service.port, reserved: 0 },
  };
  return {
    index: at.index,
    destination,
    record: {
      address: paddedWords(address),
      port,
      method: methods[forwarding].code,
      flags: at.hasRule ? destinationFlags.hasReplyRule : 0,
      service: at.service,
      weight,
      upperThreshold: 0,
      lowerThreshold: 0,
      reserved: new Uint8Array(28),
    },
    replyRule: at.hasRule ? replyRule : undefined,
  };
}

function listed({ index, destination: { address, port, weight } }: PlannedDestination): ListedMember {
  return { destination: index, weight, lastWeight: weight, addressFold: addressFold(address), port };
}

function serviceRecord({ scheduler: name }: VirtualService, members: readonly ListedMember[]): ServiceRecord {
  const scheduler = schedulers[name];
  return {
    position: scheduler.start?.(members) ?? 0n,
    positionReserved: new Uint8Array(56),
    scheduler: scheduler.code,
    options: 0,
    memberCount: members.length,
    listedCount: members.length,
    weightDivisor: weightDivisor(members),
    highestLevel: highestLevel(members),
    flags: 0,
    persistenceTicks: 0,
    maskBits: 0,
    newPerSecond: 0,
    halfOpenMaximum: 0,
    tableLength: 0,
    reserved: new Uint8Array(16),
    members: members.map(({ destination, weight }) => ({ destination, weight })),
  };
}

/** LVS's `--set tcp tcpfin udp` changes these three; the others are fixed. */
function timeouts({ tcpMs, tcpFinMs, udpMs }: ConnectionTimeouts): number[] {
  const all = [...defaultTimeoutsMs];
  all[states.ESTABLISHED] = tcpMs;
  all[states.FIN_WAIT] = tcpFinMs;
  all[states.UDP] = udpMs;
  return all;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}
