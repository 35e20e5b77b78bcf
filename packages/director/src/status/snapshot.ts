// What is observed, for people and API: counters and connections read from the maps, put beside the
// plan that they belong to. Reading changes nothing.

import { hasFeature, type Load, methods, reasonNames, reasonText } from "@yardmaster/dataplane";
import type { JsOf } from "@yardmaster/ebpf";
import type { DestinationStatus, ServiceStatus, TrafficCounters, VerdictCount } from "../api/types.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { seesReplies } from "../model/forwarding-method.ts";
import { lowerThresholdOf } from "../live/records.ts";
import { endpointOf, type LiveDestination, type LiveService } from "../live/service.ts";
import { localPortCount } from "../plan/settings.ts";
import { matchText } from "./match-text.ts";

/** All services with what their destinations count. */
export function readServices(dataplane: Dataplane): ServiceStatus[] {
  return dataplane.live.services().map((service) => readService(dataplane, service));
}

function readService(dataplane: Dataplane, { definition, members }: LiveService): ServiceStatus {
  const servers = members.map((member) => readDestination(dataplane, member));
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

function readDestination(dataplane: Dataplane, { index, definition: destination }: LiveDestination): DestinationStatus {
  const { checks: _checks, ...shown } = destination;
  const { maps } = dataplane;
  const load = maps.loads.lookup(index);
  const paths = maps.paths.lookupPerCpu(index) ?? [];
  const sum = (field: "packetsIn" | "bytesIn" | "packetsOut" | "bytesOut") =>
    Number(paths.reduce((all, path) => all + path[field], 0n));
  const connections = load?.connections ?? 0n;
  return {
    ...shown,
    lowerThreshold: lowerThresholdOf(destination),
    overloaded: load?.overloaded === 1,
    activeConnections: Number(connections >> 32n),
    inactiveConnections: Number(connections & 0xffff_ffffn),
    persistentClients: load?.templates ?? 0,
    connections: Number(load?.scheduled ?? 0n),
    packetsIn: sum("packetsIn"),
    bytesIn: sum("bytesIn"),
    ...(methods[destination.forwarding].hasLocalAddress && { localPorts: localPortsOf(dataplane, index, connections) }),
    ...(hasFeature(dataplane.plan.shape, "handshakes") && load !== undefined && { handshakes: handshakesOf(load) }),
    ...(destination.clientAddress === "toa" && { clientsUntold: load?.clientsUntold ?? 0 }),
    ...(seesReplies(destination.forwarding) ? { packetsOut: sum("packetsOut"), bytesOut: sum("bytesOut") } : {}),
  };
}

function handshakesOf(load: JsOf<typeof Load>): NonNullable<DestinationStatus["handshakes"]> {
  return {
    begun: load.handshakesBegun,
    done: load.handshakesDone,
    refused: load.handshakesRefused,
    synsRepeated: load.synsRepeated,
  };
}

/** Connections of a server that are in the table, whatever their state; 0 where there is no such server. */
export function connectionsOf({ live, maps }: Dataplane, service: string, endpoint: string): number {
  const member = live.find(service)?.members.find(({ definition }) => endpointOf(definition) === endpoint);
  const connections = (member && maps.loads.lookup(member.index)?.connections) ?? 0n;
  return Number(connections >> 32n) + Number(connections & 0xffff_ffffn);
}

/** Each connection has one; an address has so many for each server. */
function localPortsOf({ live }: Dataplane, index: number, connections: bigint) {
  const maximum = live.localAddressesOf(index) * localPortCount(live.settings.kernelPorts);
  return { inUse: Number(connections >> 32n) + Number(connections & 0xffff_ffffn), maximum };
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
