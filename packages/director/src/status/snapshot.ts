// What is observed, for people and API: counters and connections read from the maps, put beside the
// plan that they belong to. Reading changes nothing.

import { families, type Family, reasonNames, reasonText, stateName } from "@yardmaster/dataplane";
import { addressText, endpointText } from "../address.ts";
import type { ConnectionRow, DestinationStatus, ServiceStatus, TrafficCounters, VerdictCount } from "../api/types.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { seesReplies } from "../model/forwarding-method.ts";
import { type PlannedDestination, type PlannedService, protocolNumbers } from "../plan/plan.ts";
import { hasPassed } from "../reconcile/reaper.ts";

const READ_BATCH = 4096;

/** All services with what their destinations count. */
export function readServices(dataplane: Dataplane): ServiceStatus[] {
  return dataplane.plan.services.map((planned) => readService(dataplane, planned));
}

function readService(dataplane: Dataplane, { service, destinations }: PlannedService): ServiceStatus {
  const servers = destinations.map((destination) => readDestination(dataplane, destination));
  const { name, address, port, protocol, scheduler, forwarding } = service;
  return { name, address, port, protocol, scheduler, forwarding, ...total(servers), servers };
}

function readDestination({ maps }: Dataplane, { index, destination }: PlannedDestination): DestinationStatus {
  const load = maps.loads.lookup(index);
  const paths = maps.paths.lookupPerCpu(index) ?? [];
  const sum = (field: "packetsIn" | "bytesIn" | "packetsOut" | "bytesOut") =>
    Number(paths.reduce((all, path) => all + path[field], 0n));
  const connections = load?.connections ?? 0n;
  return {
    ...destination,
    activeConnections: Number(connections >> 32n),
    inactiveConnections: Number(connections & 0xffff_ffffn),
    connections: Number(load?.scheduled ?? 0n),
    packetsIn: sum("packetsIn"),
    bytesIn: sum("bytesIn"),
    ...(seesReplies(destination.forwarding) ? { packetsOut: sum("packetsOut"), bytesOut: sum("bytesOut") } : {}),
  };
}

function total(servers: readonly TrafficCounters[]): TrafficCounters {
  const sum = (field: keyof TrafficCounters) => servers.reduce((all, server) => all + (server[field] ?? 0), 0);
  const out = servers.some(({ packetsOut }) => packetsOut !== undefined);
  return {
    activeConnections: sum("activeConnections"),
    inactiveConnections: sum("inactiveConnections"),
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

/** Up to `limit` live connections; `now` is the tick, in table order, IPv4 first. */
export function readConnections(dataplane: Dataplane, now: number, limit: number): ConnectionRow[] {
  const owners = ownersByDestination(dataplane);
  const rows: ConnectionRow[] = [];
  for (const name of dataplane.plan.shape.families) {
    for (const row of connectionsOf(dataplane, families[name], { now, owners })) {
      if (rows.length >= limit) return rows;
      rows.push(row);
    }
  }
  return rows;
}

function* connectionsOf(
  { maps, ticksPerSecond }: Dataplane,
  { name, FlowKey, Connection }: Family,
  { now, owners }: { readonly now: number; readonly owners: ReadonlyMap<number, string> },
): Generator<ConnectionRow> {
  const endpoint = (address: number[], port: number) => endpointText(addressText(address, name), port);
  for (const { count, keys, values } of maps[name].connections.batches(READ_BATCH)) {
    for (let index = 0; index < count; index++) {
      const flow = FlowKey.decode(keys.subarray(index * FlowKey.size));
      const connection = Connection.decode(values.subarray(index * Connection.size));
      const expiry = Number(connection.life & 0xffff_ffffn);
      if (connection.direction !== 0 || hasPassed(expiry, now)) continue;
      yield {
        protocol: flow.protocol === protocolNumbers.udp ? "udp" : "tcp",
        state: stateName(Number(connection.life >> 32n) & 15),
        expiresInMs: Math.round((((expiry - now) >>> 0) * 1000) / ticksPerSecond),
        client: endpoint(flow.source, flow.sourcePort),
        virtual: endpoint(flow.destination, flow.destinationPort),
        destination: endpoint(connection.address, connection.port),
        service: owners.get(connection.destination) ?? "",
      };
    }
  }
}

function ownersByDestination({ plan }: Dataplane): Map<number, string> {
  return new Map(
    plan.services.flatMap(({ service, destinations }) => destinations.map(({ index }) => [index, service.name])),
  );
}
