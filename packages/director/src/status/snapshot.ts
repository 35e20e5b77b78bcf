// What is observed, for people and API: counters and connections read from the maps, put beside the
// plan that they belong to. Reading changes nothing.

import { type BalancerShape, hasFeature, methods, reasonNames, reasonText } from "@yardmaster/dataplane";
import type { DestinationStatus, DirectorStatus, ServiceStatus, TrafficCounters, VerdictCount } from "../api/types.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { seesReplies } from "../model/forwarding-method.ts";
import { lowerThresholdOf } from "../live/records.ts";
import { endpointOf, type LiveDestination, type LiveService } from "../live/service.ts";
import { localPortCount } from "../plan/settings.ts";
import { type Counted, Counters } from "./counters.ts";
import { atOnce } from "./turns.ts";
import { matchText } from "./match-text.ts";

/** All services with what their destinations count. */
export function readServices(dataplane: Dataplane): ServiceStatus[] {
  return atOnce(readServicesInPieces(dataplane));
}

/**
 * The same in pieces, as they were at the first: many of them take a while. `complete` adds to each what else is known.
 */
export function* readServicesInPieces(
  dataplane: Dataplane,
  complete: (service: ServiceStatus) => ServiceStatus = (service) => service,
): Generator<void, ServiceStatus[]> {
  const services = dataplane.live.services().map(({ definition, members }) => ({ definition, members: [...members] }));
  const counters = yield* Counters.read(dataplane);
  const read: ServiceStatus[] = [];
  for (const service of services) {
    read.push(complete(readService(dataplane, service, counters)));
    yield;
  }
  return read;
}

type Listed = Pick<LiveService, "definition" | "members">;

function readService(dataplane: Dataplane, { definition, members }: Listed, counters: Counters): ServiceStatus {
  const servers = members.map((member) => readDestination(dataplane, member, counters.of(member.index)));
  const { name, match, scheduler, schedulerOptions, forwarding, persistence, onePacket, caps } = definition;
  return {
    ...{ name, match, matchText: matchText(match), scheduler, schedulerOptions, forwarding },
    ...(persistence !== undefined && { persistence }),
    ...{ onePacket, caps },
    ...(definition.localAddresses !== undefined && { localAddresses: definition.localAddresses }),
    ...total(servers),
    servers,
  };
}

function readDestination(
  dataplane: Dataplane,
  { index, definition: destination }: LiveDestination,
  counted: Counted,
): DestinationStatus {
  const { checks: _checks, drainMs: _drainMs, ...shown } = destination;
  const { activeConnections, inactiveConnections, packetsIn, bytesIn, packetsOut, bytesOut } = counted;
  const { forwarding } = destination;
  return {
    ...shown,
    lowerThreshold: lowerThresholdOf(destination),
    overloaded: counted.overloaded === 1,
    ...{ activeConnections, inactiveConnections, packetsIn, bytesIn },
    persistentClients: counted.templates,
    connections: counted.scheduled,
    ...(methods[forwarding].hasLocalAddress && { localPorts: localPortsOf(dataplane, index, counted) }),
    ...(hasFeature(dataplane.plan.shape, "handshakes") && { handshakes: handshakesOf(counted) }),
    ...(destination.clientAddress === "toa" && { clientsUntold: counted.clientsUntold }),
    ...(seesReplies(forwarding) ? { packetsOut, bytesOut } : {}),
  };
}

function handshakesOf(counted: Counted): NonNullable<DestinationStatus["handshakes"]> {
  return {
    begun: counted.handshakesBegun,
    done: counted.handshakesDone,
    refused: counted.handshakesRefused,
    synsRepeated: counted.synsRepeated,
  };
}

/** Connections of a server that are in the table, whatever their state; 0 where there is no such server. */
export function connectionsOf({ live, maps }: Dataplane, service: string, endpoint: string): number {
  const member = live.find(service)?.members.find(({ definition }) => endpointOf(definition) === endpoint);
  const connections = (member && maps.loads.lookup(member.index)?.connections) ?? 0n;
  return Number(connections >> 32n) + Number(connections & 0xffff_ffffn);
}

/** Each connection has one; an address has so many for each server. */
function localPortsOf({ live }: Dataplane, index: number, { activeConnections, inactiveConnections }: Counted) {
  const maximum = live.localAddressesOf(index) * localPortCount(live.settings.kernelPorts);
  return { inUse: activeConnections + inactiveConnections, maximum };
}

function total(servers: readonly TrafficCounters[]): TrafficCounters {
  const sum = (field: keyof TrafficCounters) => servers.reduce((all, server) => all + (server[field] ?? 0), 0);
  const out = servers.some(({ packetsOut }) => packetsOut !== undefined);
  return {
    activeConnections: sum("activeConnections"),
    inactiveConnections: sum("inactiveConnections"),
    persistentClients: sum("persistentClients"),
    connections: sum("connections"),
    packetsIn: sum("packetsIn"),
    bytesIn: sum("bytesIn"),
    ...(out ? { packetsOut: sum("packetsOut"), bytesOut: sum("bytesOut") } : {}),
  };
}

/** Packets that left by each way that any left by. */
export function readVerdicts({ maps }: Dataplane): VerdictCount[] {
  return reasonNames.flatMap((reason, code) => {
    const packets = (maps.verdicts.lookupPerCpu(code) ?? []).reduce((all, counter) => all + counter.packets, 0n);
    return packets === 0n ? [] : [{ verdict: reasonText(reason).verdict, reason, packets: Number(packets) }];
  });
}

/** What a program was made for. */
export function programOf(shape: BalancerShape): NonNullable<DirectorStatus["program"]> {
  const { families, methods: built, schedulers, encapsulations, features } = shape;
  const { maximumServices, maximumDestinations, maximumConnections } = shape;
  return {
    ...{ families: [...families], methods: [...built], schedulers: [...schedulers] },
    ...{ encapsulations: [...encapsulations], features: [...features] },
    ...{ maximumServices, maximumDestinations, maximumConnections },
  };
}
