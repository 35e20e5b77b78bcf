// Live connections and the templates of persistent clients, read from the maps as rows. Reading changes nothing.

import { ASSURED, families, type Family, stateName } from "@yardmaster/dataplane";
import { addressText, endpointText } from "../address.ts";
import type { ConnectionRow } from "../api/types.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { protocolNumbers } from "../plan/plan.ts";
import { hasPassed } from "../reconcile/reaper.ts";
import { matchText } from "./match-text.ts";

const READ_BATCH = 4096;

/** The owner of a destination index. */
interface Owner {
  readonly service: VirtualService;
  readonly destination: Destination;
}

interface Reading {
  /** The tick that it is. */
  readonly now: number;
  readonly owners: ReadonlyMap<number, Owner>;
}

/** Up to `limit` rows at tick `now`: connections, then templates, in table order, IPv4 first. */
export function readConnections(dataplane: Dataplane, now: number, limit: number): ConnectionRow[] {
  const reading = { now, owners: ownersByDestination(dataplane) };
  const rows: ConnectionRow[] = [];
  for (const read of [connectionsOf, templatesOf]) {
    for (const name of dataplane.plan.shape.families) {
      for (const row of read(dataplane, families[name], reading)) {
        if (rows.length >= limit) return rows;
        rows.push(row);
      }
    }
  }
  return rows;
}

function* connectionsOf(
  { maps, ticksPerSecond }: Dataplane,
  { name, FlowKey, Connection }: Family,
  { now, owners }: Reading,
): Generator<ConnectionRow> {
  const endpoint = (address: number[], port: number) => endpointText(addressText(address, name), port);
  for (const { count, keys, values } of maps[name].connections.batches(READ_BATCH)) {
    for (let index = 0; index < count; index++) {
      const flow = FlowKey.decode(keys.subarray(index * FlowKey.size));
      const connection = Connection.decode(values.subarray(index * Connection.size));
      const expiry = Number(connection.life & 0xffff_ffffn);
      if (connection.direction !== 0 || hasPassed(expiry, now)) continue;
      yield {
        kind: "connection",
        protocol: flow.protocol === protocolNumbers.udp ? "udp" : "tcp",
        state: stateName(Number(connection.life >> 32n) & 15),
        expiresInMs: millisecondsUntil(expiry, now, ticksPerSecond),
        client: endpoint(flow.source, flow.sourcePort),
        virtual: endpoint(flow.destination, flow.destinationPort),
        destination: endpoint(connection.address, connection.port),
        service: owners.get(connection.destination)?.service.name ?? "",
      };
    }
  }
}

function* templatesOf(
  { maps, ticksPerSecond }: Dataplane,
  { name }: Family,
  { now, owners }: Reading,
): Generator<ConnectionRow> {
  for (const [key, template] of maps[name].templates.entries()) {
    const expiry = Number(template.life & 0xffff_ffffn);
    const isOver = hasPassed(expiry, now);
    const owner = owners.get(template.destination);
    // What connections keep alive is there, even where its time is up.
    if (owner === undefined || (isOver && template.controlled === 0)) continue;
    const { service, destination } = owner;
    const isMark = service.match.kind === "mark";
    yield {
      kind: "template",
      protocol: isMark ? "any" : key.protocol === protocolNumbers.udp ? "udp" : "tcp",
      state: (Number(template.life >> 32n) & 15) === ASSURED ? "ASSURED" : "NONE",
      expiresInMs: isOver ? 0 : millisecondsUntil(expiry, now, ticksPerSecond),
      client: endpointText(addressText(key.client, name), 0),
      virtual: isMark ? matchText(service.match) : endpointText(addressText(key.service, name), key.port),
      destination: endpointText(destination.address, destination.port),
      service: service.name,
      controls: template.controlled,
    };
  }
}

function millisecondsUntil(expiry: number, now: number, ticksPerSecond: number): number {
  return Math.round((((expiry - now) >>> 0) * 1000) / ticksPerSecond);
}

function ownersByDestination({ plan }: Dataplane): ReadonlyMap<number, Owner> {
  return new Map(
    plan.services.flatMap(({ service, destinations }) =>
      destinations.map(({ index, destination }) => [index, { service, destination }]),
    ),
  );
}
