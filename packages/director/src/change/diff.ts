// What would change from one configuration to another, and what it would cost. Pure: what costs depend on is asked of
// the caller.

import { isDeepStrictEqual } from "node:util";
import { endpointOf, identityOf } from "../live/service.ts";
import type { Configuration } from "../model/configuration.ts";
import { type Destination, drainMsOf, serverDrainMs, type VirtualService } from "../model/virtual-service.ts";
import { matchText } from "../status/match-text.ts";
import { isOverlapping } from "./match-overlap.ts";
import { type SlotMove, slotMove } from "./slot-move.ts";

/** A field with another value; undefined: it is not there. */
export interface FieldChange {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** What becomes of a server that gets no more connections. */
export interface ConnectionCost {
  /** In the table now. */
  readonly connections: number;
  /** `kept`: for as long as they last. `drained`: for as long as `drain` says. `cut`: at once. */
  readonly fate: "kept" | "drained" | "cut";
}

/** A server that is not as before. */
export interface ServerDiff {
  readonly change: "added" | "changed" | "removed";
  readonly server: string;
  readonly fields: readonly FieldChange[];
  readonly cost?: ConnectionCost;
}

/** A service that is not as before. */
export interface ServiceDiff {
  readonly change: "added" | "changed" | "removed";
  readonly name: string;
  /** Which packets are its: `tcp 198.51.100.10:80`. */
  readonly match: string;
  readonly fields: readonly FieldChange[];
  readonly servers: readonly ServerDiff[];
  /** The servers that stay stand in another order, which decides ties. */
  readonly isReordered: boolean;
  /** Of schedulers with a table: how much of it leads elsewhere when all that leaves has left. */
  readonly slots?: SlotMove;
}

/** Everything that is not as before. */
export interface ConfigurationDiff {
  readonly director: readonly FieldChange[];
  readonly services: readonly ServiceDiff[];
}

/** Connections of a server that are in the table, by identity of the service and endpoint. */
export type ConnectionsOf = (service: string, endpoint: string) => number;

/** The differences, in the order of `after`, with what was removed at the end. */
export function diff(before: Configuration, after: Configuration, connectionsOf: ConnectionsOf): ConfigurationDiff {
  const known = new Map(before.services.map((service) => [identityOf(service), service]));
  const wanted = new Set(after.services.map(identityOf));
  return {
    director: fieldChanges(before.director, after.director),
    services: [
      ...after.services.flatMap((service) => serviceDiff(known.get(identityOf(service)), service, connectionsOf)),
      ...before.services.flatMap((service) => {
        if (wanted.has(identityOf(service))) return [];
        // Where another takes its packets it cannot drain (transitions.ts).
        const isInTheWay = after.services.some(({ match }) => isOverlapping(match, service.match));
        return serviceDiff(isInTheWay ? { ...service, drainMs: 0 } : service, undefined, connectionsOf);
      }),
    ],
  };
}

/** Whether there is no difference. */
export function isEmpty({ director, services }: ConfigurationDiff): boolean {
  return director.length === 0 && services.length === 0;
}

function serviceDiff(
  before: VirtualService | undefined,
  after: VirtualService | undefined,
  connectionsOf: ConnectionsOf,
): readonly ServiceDiff[] {
  const some = after ?? before;
  if (before === after || some === undefined) return [];
  const fields = before === undefined || after === undefined ? [] : fieldChanges(attributes(before), attributes(after));
  const servers = serverDiffs(before, after, connectionsOf);
  const isReordered = before !== undefined && after !== undefined && isMixed(before.servers, after.servers);
  const change = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  if (change === "changed" && fields.length + servers.length === 0 && !isReordered) return [];
  const slots = before && after && slotMove(before, after);
  return [
    {
      ...{ change, name: some.name, match: matchText(some.match), fields, servers, isReordered },
      ...(slots !== undefined && { slots }),
    },
  ];
}

function attributes(service: VirtualService): object {
  const { servers: _servers, match, ...rest } = service;
  return { ...rest, match: matchText(match) };
}

function serverDiffs(
  before: VirtualService | undefined,
  after: VirtualService | undefined,
  connectionsOf: ConnectionsOf,
): readonly ServerDiff[] {
  const known = new Map(before?.servers.map((server) => [endpointOf(server), server]));
  const stays = new Set(after?.servers.map(endpointOf));
  const added = (after?.servers ?? []).flatMap((server): readonly ServerDiff[] => {
    const endpoint = endpointOf(server);
    const was = known.get(endpoint);
    if (was === undefined) return [{ change: "added", server: endpoint, fields: fieldsOf(server) }];
    const fields = fieldChanges(was, server);
    if (fields.length === 0 || after === undefined) return [];
    const isQuiesced = was.weight > 0 && server.weight === 0;
    const connections = isQuiesced ? connectionsOf(identityOf(after), endpoint) : 0;
    return [
      {
        change: "changed",
        server: endpoint,
        fields,
        ...(isQuiesced && { cost: { connections, fate: "kept" } as const }),
      },
    ];
  });
  const removed = [...known].flatMap(([endpoint, server]): readonly ServerDiff[] => {
    if (stays.has(endpoint) || before === undefined) return [];
    const mayDrainMs = after === undefined ? drainMsOf(before) : serverDrainMs(server, after);
    const fate = mayDrainMs === 0 ? "cut" : "drained";
    const cost = { connections: connectionsOf(identityOf(before), endpoint), fate } as const;
    return [{ change: "removed", server: endpoint, fields: [], cost }];
  });
  return [...added, ...removed];
}

/** Whether those that both have stand in another order. */
function isMixed(before: readonly Destination[], after: readonly Destination[]): boolean {
  const [old, next] = [before, after].map((servers) => servers.map(endpointOf));
  const both = new Set(old).intersection(new Set(next));
  return !isDeepStrictEqual(
    old?.filter((one) => both.has(one)),
    next?.filter((one) => both.has(one)),
  );
}

/** All fields of what was not there before. */
function fieldsOf(server: Destination): readonly FieldChange[] {
  return Object.entries(server).flatMap(([field, after]) => (after === undefined ? [] : [{ field, after }]));
}

/** Fields by their path, maps looked into. */
function fieldChanges(before: object, after: object, within = ""): readonly FieldChange[] {
  const [old, next] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Map([...old, ...next]).keys()].flatMap((name): readonly FieldChange[] => {
    const [was, is] = [old.get(name) as unknown, next.get(name) as unknown];
    if (isDeepStrictEqual(was, is)) return [];
    const field = within === "" ? name : `${within}.${name}`;
    if (isMap(was ?? is) && isMap(is ?? was)) return fieldChanges(was ?? {}, is ?? {}, field);
    return [{ field, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }];
  });
}

function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
