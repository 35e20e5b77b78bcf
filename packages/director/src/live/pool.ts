// What services and destinations occupy: places in the maps, given out clean, and taken back.

import {
  type BalancerShape,
  hasFeature,
  reaperDestinations,
  REAPER_BATCH,
  reaperForces,
  reaperTables,
  ReaperWork,
} from "@yardmaster/dataplane";
import type { BpfHost, BpfMap, BpfProgram } from "@yardmaster/ebpf";
import type { MadeMaps } from "../kernel/live-maps.ts";
import { NeedsProgramError } from "./fits.ts";
import { Indexes } from "./indexes.ts";
import type { Transaction } from "./transaction.ts";

/** What a live data plane stands on. */
export interface Ground {
  readonly host: BpfHost;
  readonly made: MadeMaps;
  readonly shape: BalancerShape;
  readonly ticksPerSecond: number;
  readonly reaper: BpfProgram;
  /** This machine's address towards another, where tunnels to it begin; undefined: it has none. */
  readonly sourceTowards?: (address: string) => string | undefined;
}

/** How many services and destinations there are places for. */
export interface Room {
  readonly services: number;
  readonly destinations: number;
}

const ANY_PACKET = new Uint8Array(64);

/** The indexes of services and destinations, and what programs count under them. */
export class Pool {
  readonly #ground: Ground;
  readonly #services: Indexes;
  readonly #destinations: Indexes;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#services = new Indexes(ground.shape.maximumServices);
    this.#destinations = new Indexes(ground.shape.maximumDestinations);
  }

  /** Holds the places that a former data plane gave out, of so many: its tables go on under them. */
  inherit(
    places: { readonly services: ReadonlySet<number>; readonly destinations: ReadonlySet<number> },
    room: Room,
  ): void {
    this.#services.inherit(places.services, room.services);
    this.#destinations.inherit(places.destinations, room.destinations);
  }

  /** Above all indexes of destinations. */
  get destinationEnd(): number {
    return this.#destinations.end;
  }

  /** An index for a service. */
  takeService(transaction: Transaction, doing: string): number {
    return this.#take(transaction, doing, this.#services, "services", ["serviceLoads"]);
  }

  /** An index for a destination: nothing is counted there yet, and no way to it known. */
  takeDestination(transaction: Transaction, doing: string): number {
    return this.#take(transaction, doing, this.#destinations, "destinations", ["loads", "paths"]);
  }

  releaseService(transaction: Transaction, index: number): void {
    this.#services.release(transaction, index);
  }

  releaseDestination(transaction: Transaction, index: number): void {
    this.#destinations.release(transaction, index);
  }

  /** Has a program hold destinations' thresholds, which have changed, against their counts, which it alone can do. */
  reconsider(destinations: readonly number[]): void {
    const { made, reaper, shape } = this.#ground;
    if (!hasFeature(shape, "thresholds")) return;
    const work = { force: reaperForces.expired, family: 0, table: reaperTables.thresholds };
    for (let at = 0; at < destinations.length; at += REAPER_BATCH) {
      const batch = destinations.slice(at, at + REAPER_BATCH);
      const keys = new Uint8Array(ReaperWork.fields.keys.size);
      const view = new DataView(keys.buffer);
      batch.forEach((index, place) => view.setUint32((place * reaperDestinations.size) / REAPER_BATCH, index, true));
      made.live.reaperWork.update(0, { ...work, count: batch.length, keys });
      reaper.run({ packet: ANY_PACKET });
    }
  }

  #take(
    transaction: Transaction,
    doing: string,
    indexes: Indexes,
    what: string,
    counted: readonly ("serviceLoads" | "loads" | "paths")[],
  ): number {
    const taken = indexes.take(transaction);
    if (taken === undefined) throw new NeedsProgramError(doing, `room for more than ${indexes.limit} ${what}`);
    if (taken.isUsed) for (const name of counted) clear(this.#ground.made.live[name] as BpfMap<number>, taken.index);
    return taken.index;
  }
}

/** Zeroes an entry, of all CPUs where each has its own. */
function clear(map: BpfMap<number>, index: number): void {
  map.update(index, map.spec.value.decode(new Uint8Array(map.spec.value.size)));
}
