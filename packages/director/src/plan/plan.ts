// From what a person asked for to what the maps must hold: indexes are given out, schedulers compute
// their tables, the program's shape is chosen. Pure: the same configuration gives the same plan.

import {
  type BalancerShape,
  defaultTimeoutsMs,
  highestLevel,
  methods,
  schedulers,
  states,
  transitionBytes,
  weightDivisor,
} from "@yardmaster/dataplane";
import { ipv4ToNumber } from "@yardmaster/packet";
import type { Configuration, ConnectionTimeouts } from "../model/configuration.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { destinationsWithRule } from "./reply-rules.ts";

/** A destination with its place in the maps. */
export interface PlannedDestination {
  readonly index: number;
  readonly destination: Destination;
  /** Content of the destinations map. */
  readonly record: { address: number; port: number; method: number; hasReplyRule: number };
  /** Content of the reply rules: this server answers for one service only. */
  readonly replyRule: { readonly key: ServerKey; readonly value: ReplyRuleRecord } | undefined;
}

type ServerKey = { address: number; port: number; protocol: number };
type ReplyRuleRecord = { address: number; port: number; reserved: number };

/** A service with everything that the maps must hold for it. */
export interface PlannedService {
  readonly index: number;
  readonly service: VirtualService;
  readonly key: { address: number; port: number; protocol: number };
  readonly record: { scheduler: number; memberCount: number; weightDivisor: number; highestLevel: number };
  readonly destinations: readonly PlannedDestination[];
  /** In list order. */
  readonly members: readonly { destination: number; weight: number }[];
  readonly table: Uint32Array | undefined;
  /** Where its scheduler begins. */
  readonly position: bigint;
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
      planDestination(service, destination, { index: nextDestination++, hasRule: withRule.has(destination) }),
    );
    const members = destinations.map(({ index: at, destination }) => ({ destination: at, weight: destination.weight }));
    const scheduler = schedulers[service.scheduler];
    return {
      index,
      service,
      key: { address: ipv4ToNumber(service.address), port: service.port, protocol: protocolNumbers[service.protocol] },
      record: {
        scheduler: scheduler.code,
        memberCount: members.length,
        weightDivisor: weightDivisor(members),
        highestLevel: highestLevel(members),
      },
      destinations,
      members,
      table: scheduler.table?.(members),
      position: scheduler.start?.(members) ?? 0n,
    };
  });
  const used = new Set(services.flatMap(({ destinations }) => destinations.map((d) => d.destination.forwarding)));
  const names = used.size === 0 ? (["dr"] as const) : [...used].sort();
  const needsReplyEntries = services.some(({ destinations }) =>
    destinations.some(({ destination, replyRule }) => methods[destination.forwarding].hasReplies && !replyRule),
  );
  const longest = Math.max(SMALLEST_LIST, ...services.map(({ members }) => members.length));
  return {
    shape: {
      schedulers: [...new Set(configuration.services.map(({ scheduler }) => scheduler))].sort(),
      methods: names,
      macs,
      maximumConnections: configuration.director.connections.maximum * (needsReplyEntries ? 2 : 1),
      maximumServices: Math.max(1, services.length),
      maximumDestinations: Math.max(1, nextDestination),
      maximumMembers: powerOfTwo(longest),
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
  { index, hasRule }: { readonly index: number; readonly hasRule: boolean },
): PlannedDestination {
  const { port, forwarding } = destination;
  const address = ipv4ToNumber(destination.address);
  const replyRule = {
    key: { address, port, protocol: protocolNumbers[service.protocol] },
    value: { address: ipv4ToNumber(service.address), port: service.port, reserved: 0 },
  };
  return {
    index,
    destination,
    record: { address, port, method: methods[forwarding].code, hasReplyRule: hasRule ? 1 : 0 },
    replyRule: hasRule ? replyRule : undefined,
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
