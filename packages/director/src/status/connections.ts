// Live connections and the templates of persistent clients, read from the maps as rows. Reading changes nothing.

import {
  ASSURED,
  DISABLED,
  families,
  type Family,
  type FamilyName,
  methods,
  readLife,
  stateName,
} from "@yardmaster/dataplane";
import type { BpfHost, BpfMap } from "@yardmaster/ebpf";
import { addressText, endpointText, familyOf } from "../address.ts";
import type { ConnectionRow } from "../api/types.ts";
import { expectWork } from "../engine.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { protocolNumbers } from "../live/service.ts";
import { hasPassed } from "../reconcile/reaper.ts";
import { matchText } from "./match-text.ts";

/** Entries read with one call: what a reader waits for, and what an answer holds. */
const READ_BATCH = 1024;

/** What rows are read from. */
interface Tables extends Pick<Dataplane, "live" | "ticksPerSecond"> {
  readonly maps: Readonly<Record<FamilyName, Pick<Dataplane["maps"]["ipv4"], "connections" | "templates">>> &
    Pick<Dataplane["maps"], "localNames">;
}

/** Up to `limit` rows at tick `now`: connections, then templates, in table order, IPv4 first. */
export function readConnections(dataplane: Dataplane, now: number, limit: number): ConnectionRow[] {
  return [...firstOf(rowsOf(dataplane, dataplane.plan.shape.families, now), limit)];
}

/** The same, each read when it is asked for. The tables stay open until then, whatever becomes of the data plane. */
export function* eachConnection(
  host: Pick<BpfHost, "reopenMap">,
  dataplane: Dataplane,
  { now, limit }: { readonly now: number; readonly limit: number },
): Generator<ConnectionRow, undefined> {
  using owned = new DisposableStack();
  const { live, ticksPerSecond, maps } = dataplane;
  const keep = <K, V>(map: BpfMap<K, V>): BpfMap<K, V> => owned.use(host.reopenMap(map as BpfMap, map.spec));
  const tables = ({ connections, templates }: Tables["maps"]["ipv4"]) => ({
    connections: keep(connections),
    templates: keep(templates),
  });
  const kept = { ipv4: tables(maps.ipv4), ipv6: tables(maps.ipv6), localNames: keep(maps.localNames) };
  yield* firstOf(rowsOf({ live, ticksPerSecond, maps: kept }, dataplane.plan.shape.families, now), limit);
  return undefined;
}

function* rowsOf(tables: Tables, names: readonly FamilyName[], now: number): Generator<ConnectionRow> {
  for (const read of [connectionsOf, templatesOf]) {
    for (const name of names) yield* read(tables, families[name], now);
  }
}

function* firstOf<T>(all: Iterable<T>, limit: number): Generator<T> {
  let count = 0;
  if (limit > 0) {
    for (const one of all) {
      yield one;
      if (++count === limit) return;
    }
  }
}

function* connectionsOf(
  { maps, live, ticksPerSecond }: Tables,
  { name, FlowKey, Connection }: Family,
  now: number,
): Generator<ConnectionRow> {
  const endpoint = (address: number[], port: number) => endpointText(addressText(address, name), port);
  let seen = 0;
  for (const { count, keys, values } of maps[name].connections.batches(READ_BATCH)) {
    seen += count;
    expectWork(seen);
    for (let index = 0; index < count; index++) {
      const flow = FlowKey.decode(keys.subarray(index * FlowKey.size));
      const connection = Connection.decode(values.subarray(index * Connection.size));
      const expiry = Number(connection.life & 0xffff_ffffn);
      if (connection.direction !== 0 || hasPassed(expiry, now)) continue;
      const owner = live.ownerOf(connection.destination);
      const own = endpoint(connection.address, connection.port);
      // With full NAT the connection holds the local end, and its destination the server's; with a tunnel it has no
      // room for an address of the other family.
      const isLocal = connection.method === methods.fullnat.code;
      const server = owner?.place.definition;
      const isTranslated = isLocal && server !== undefined && familyOf(server.address) !== name;
      const other = isTranslated ? endpointText(localAcross(maps, name, connection), connection.port) : own;
      const serverText = server && endpointText(server.address, server.port === 0 ? flow.destinationPort : server.port);
      yield {
        kind: "connection",
        protocol: flow.protocol === protocolNumbers.udp ? "udp" : "tcp",
        state: stateName(Number(connection.life >> 32n) & 15),
        expiresInMs: millisecondsUntil(expiry, now, ticksPerSecond),
        client: endpoint(flow.source, flow.sourcePort),
        virtual: endpoint(flow.destination, flow.destinationPort),
        destination: connection.method === methods.nat.code ? other : (serverText ?? other),
        ...(isLocal && { local: other }),
        service: owner?.service.definition.name ?? "",
      };
    }
  }
}

/** The local address of a connection between families: IPv6 has room for it, IPv4 a name that stands for it. */
function localAcross(maps: Tables["maps"], family: FamilyName, { address }: { address: number[] }): string {
  const [word = 0] = address;
  if (family === "ipv6") return addressText([word], "ipv4");
  // The number lies there in memory order.
  const swapped = new DataView(new ArrayBuffer(4));
  swapped.setUint32(0, word);
  return addressText(maps.localNames.lookup({ name: swapped.getUint32(0, true) })?.address ?? [0, 0, 0, 0], "ipv6");
}

function* templatesOf({ maps, live, ticksPerSecond }: Tables, { name }: Family, now: number): Generator<ConnectionRow> {
  for (const [key, template] of maps[name].templates.entries()) {
    const { expiresAt: expiry, state, controlled } = readLife(template.life);
    const isOver = hasPassed(expiry, now);
    const owner = live.ownerOf(template.destination);
    // What connections keep alive is there, even where its time is up.
    if (owner === undefined || (isOver && controlled === 0)) continue;
    const { definition: destination } = owner.place;
    const service = owner.service.definition;
    const isMark = service.match.kind === "mark";
    yield {
      kind: "template",
      protocol: isMark ? "any" : (key.protocol & ~DISABLED) === protocolNumbers.udp ? "udp" : "tcp",
      state: state === ASSURED ? "ASSURED" : "NONE",
      expiresInMs: isOver ? 0 : millisecondsUntil(expiry, now, ticksPerSecond),
      client: endpointText(addressText(key.client, name), 0),
      virtual: isMark ? matchText(service.match) : endpointText(addressText(key.service, name), key.port),
      destination: endpointText(destination.address, destination.port),
      service: service.name,
      controls: controlled,
    };
  }
}

function millisecondsUntil(expiry: number, now: number, ticksPerSecond: number): number {
  return Math.round((((expiry - now) >>> 0) * 1000) / ticksPerSecond);
}
