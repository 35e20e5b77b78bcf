// What is observed, for people and API: counters and connections read from the maps, put beside the
// plan that they belong to. Reading changes nothing.

import { hasFeature, Load, methods, Path, reasonNames, reasonText } from "@yardmaster/dataplane";
import type { JsOf } from "@yardmaster/ebpf";
import type { DestinationStatus, ServiceStatus, TrafficCounters, VerdictCount } from "../api/types.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { eachValue } from "../kernel/each-value.ts";
import { seesReplies } from "../model/forwarding-method.ts";
import { lowerThresholdOf } from "../live/records.ts";
import { endpointOf, type LiveDestination, type LiveService } from "../live/service.ts";
import { localPortCount } from "../plan/settings.ts";
import { matchText } from "./match-text.ts";

/** What destinations below an index count, read in a few calls however many they are. */
interface Counts {
  /** The values of the table of loads, one after the other. */
  readonly loads: Uint8Array;
  /** Four numbers for each, in the order of `trafficFields`. */
  readonly traffic: Float64Array;
}

const trafficFields = ["packetsIn", "bytesIn", "packetsOut", "bytesOut"] as const;

/** All services with what their destinations count. */
export function readServices(dataplane: Dataplane): ServiceStatus[] {
  const services = dataplane.live.services();
  const counts = readCounts(dataplane, dataplane.live.destinationEnd);
  return services.map((service) => readService(dataplane, service, counts));
}

function readCounts({ maps: { loads, paths } }: Dataplane, end: number): Counts {
  const counts = { loads: new Uint8Array(end * Load.size), traffic: new Float64Array(end * trafficFields.length) };
  const keep = (index: number, view: DataView, at: number): void =>
    counts.loads.set(new Uint8Array(view.buffer, view.byteOffset + at, Load.size), index * Load.size);
  eachValue(loads, keep, { end });
  const offsets = trafficFields.map((field) => Path.offsets[field]);
  const add = (index: number, view: DataView, at: number, size: number): void => {
    // One value after another for each CPU.
    for (let cpu = at; cpu < at + size; cpu += Path.size) {
      for (const [field, offset] of offsets.entries()) {
        const place = index * trafficFields.length + field;
        counts.traffic[place] = (counts.traffic[place] ?? 0) + Number(view.getBigUint64(cpu + offset, true));
      }
    }
  };
  eachValue(paths, add, { end });
  return counts;
}

function readService(dataplane: Dataplane, { definition, members }: LiveService, counts: Counts): ServiceStatus {
  const servers = members.map((member) => readDestination(dataplane, member, counts));
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
  counts: Counts,
): DestinationStatus {
  const { checks: _checks, drainMs: _drainMs, ...shown } = destination;
  const load = Load.decode(counts.loads.subarray(index * Load.size, (index + 1) * Load.size));
  const first = index * trafficFields.length;
  const [packetsIn = 0, bytesIn = 0, packetsOut = 0, bytesOut = 0] = counts.traffic.subarray(first, first + 4);
  const { connections } = load;
  return {
    ...shown,
    lowerThreshold: lowerThresholdOf(destination),
    overloaded: load.overloaded === 1,
    activeConnections: Number(connections >> 32n),
    inactiveConnections: Number(connections & 0xffff_ffffn),
    persistentClients: load.templates,
    connections: Number(load.scheduled),
    packetsIn,
    bytesIn,
    ...(methods[destination.forwarding].hasLocalAddress && { localPorts: localPortsOf(dataplane, index, connections) }),
    ...(hasFeature(dataplane.plan.shape, "handshakes") && { handshakes: handshakesOf(load) }),
    ...(destination.clientAddress === "toa" && { clientsUntold: load.clientsUntold }),
    ...(seesReplies(destination.forwarding) ? { packetsOut, bytesOut } : {}),
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
