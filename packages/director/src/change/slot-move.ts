// How many slots of a service's table lead elsewhere after a change, by the schedulers' own tables: as many clients go
// to another server, as far as no connection or template keeps them.

import { type Scheduler, schedulers } from "@yardmaster/dataplane";
import { addressFold } from "../address.ts";
import { endpointOf } from "../live/service.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";

/** Shares of a table, 0–1. */
export interface SlotMove {
  readonly slots: number;
  readonly movedShare: number;
  /** What no table could avoid: the share of clients that the new weights give to other servers. */
  readonly idealShare: number;
}

/** What moves from one state of a service to another; undefined where its scheduler has no table. */
export function slotMove(before: VirtualService, after: VirtualService): SlotMove | undefined {
  const numbers = new Map<string, number>();
  for (const server of [...before.servers, ...after.servers]) {
    const endpoint = endpointOf(server);
    if (!numbers.has(endpoint)) numbers.set(endpoint, numbers.size);
  }
  const [old, next] = [tableOf(before, numbers), tableOf(after, numbers, before.servers)];
  if (old === undefined || next === undefined) return undefined;
  const isAlike = before.scheduler === after.scheduler && old.length === next.length;
  const moved = isAlike ? next.reduce((count, slot, at) => count + Number(slot !== old[at]), 0) : next.length;
  return { slots: next.length, movedShare: moved / next.length, idealShare: idealShare(old, next) };
}

function tableOf(
  { scheduler, tableSize, servers }: VirtualService,
  numbers: ReadonlyMap<string, number>,
  before: readonly Destination[] = [],
): Uint32Array | undefined {
  const definition: Scheduler = schedulers[scheduler];
  if (definition.table === undefined) return undefined;
  const known = new Map(before.map((server) => [endpointOf(server), server.weight]));
  const members = servers.map((server) => {
    const endpoint = endpointOf(server);
    const { address, port, weight } = server;
    // One that is quiesced keeps its slots.
    const lastWeight = weight === 0 ? (known.get(endpoint) ?? 0) : weight;
    return { destination: numbers.get(endpoint) ?? 0, weight, lastWeight, addressFold: addressFold(address), port };
  });
  return definition.table(members, tableSize);
}

/** By how much some servers' shares grow, which others must lose. */
function idealShare(before: Uint32Array, after: Uint32Array): number {
  const old = sharesOf(before);
  return [...sharesOf(after)].reduce((sum, [who, share]) => sum + Math.max(0, share - (old.get(who) ?? 0)), 0);
}

function sharesOf(table: Uint32Array): ReadonlyMap<number, number> {
  const shares = new Map<number, number>();
  for (const slot of table) shares.set(slot, (shares.get(slot) ?? 0) + 1 / table.length);
  return shares;
}
