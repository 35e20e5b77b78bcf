// Rates at work: every two seconds all counters are read in a few calls, whatever the number of servers.

import { Load, Path } from "@yardmaster/dataplane";
import type { ServiceStatus, TrafficRates } from "../api/types.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { inBatches } from "../kernel/each-value.ts";
import { endpointOf, identityOf, type LiveService } from "../live/service.ts";
import type { Destination } from "../model/virtual-service.ts";
import { inSlices, keepGoing, type Rounds } from "../reconcile/rounds.ts";
import { RATE_FIELDS, RATE_PERIOD_MS, RATE_WIDTH, Rates } from "./rates.ts";

type Endpoint = Pick<Destination, "address" | "port">;

/** The rates of the services of a director. */
export class ServiceRates {
  /** By the indexes of destinations and of services. */
  readonly #servers = new Rates<Endpoint>((a, b) => a === b || (a.port === b.port && a.address === b.address));
  readonly #services = new Rates<string>((a, b) => a === b);
  /** Tables to be written anew. */
  #spare: { readonly servers: Float64Array; readonly services: Float64Array } = {
    servers: new Float64Array(0),
    services: new Float64Array(0),
  };

  /** Measures now; to be called every RATE_PERIOD_MS. */
  measure(dataplane: Dataplane): void {
    const steps = this.measuring(dataplane);
    while (steps.next().done !== true);
  }

  /** The same, with pauses where others may have their turn. */
  *measuring(dataplane: Dataplane): Generator<void> {
    const { live } = dataplane;
    const ofServers = emptied(this.#spare.servers, live.destinationEnd);
    // Whatever becomes of this time: nobody else has the table.
    this.#spare = { ...this.#spare, servers: new Float64Array(0) };
    yield* readCounters(dataplane, ofServers);
    const services = live.services();
    const end = Math.max(0, ...services.map(({ index }) => index + 1));
    const ofServices = emptied(this.#spare.services, end);
    for (const service of services) addMembers(ofServices, ofServers, service);
    yield;
    this.#spare = {
      servers: this.#servers.measure(ofServers, (measure) => {
        for (const { members } of services) for (const { index, definition } of members) measure(index, definition);
      }),
      services: this.#services.measure(ofServices, (measure) => {
        for (const { index, definition } of services) measure(index, identityOf(definition));
      }),
    };
  }

  /** Measures until `signal` is aborted. */
  keepMeasured(current: () => Dataplane, options: Pick<Rounds, "signal" | "report">): Promise<void> {
    const { signal } = options;
    const round = (): Promise<void> => {
      const dataplane = current();
      return inSlices(this.measuring(dataplane), { signal, isCurrent: () => current() === dataplane });
    };
    return keepGoing({ doing: "measuring rates", pauseMs: RATE_PERIOD_MS, ...options, round });
  }

  /** A snapshot of a service with its rates. */
  annotate({ live }: Dataplane, service: ServiceStatus): ServiceStatus {
    const known = live.find(identityOf(service));
    const members = new Map(known?.members.map(({ index, definition }) => [endpointOf(definition), index]));
    const ofServer = (server: Endpoint) => {
      const index = members.get(endpointOf(server));
      return index === undefined ? undefined : this.#servers.of(index, server);
    };
    return {
      ...service,
      ...shown(known && this.#services.of(known.index, identityOf(service))),
      servers: service.servers.map((server) => ({ ...server, ...shown(ofServer(server)) })),
    };
  }
}

function shown(perSecond: TrafficRates | undefined): { readonly perSecond: TrafficRates } | undefined {
  return perSecond && { perSecond };
}

/** A table of zeros with so many rows: the one that there is, where it is no longer than twice that. */
function emptied(spare: Float64Array, rows: number): Float64Array {
  const length = rows * RATE_WIDTH;
  if (spare.length < length || spare.length > 2 * length) return new Float64Array(length);
  return spare.fill(0);
}

/** Adds what a service's destinations have counted to the service's row. */
function addMembers(ofServices: Float64Array, ofServers: Float64Array, { index: service, members }: LiveService): void {
  for (const { index } of members) {
    for (let field = 0; field < RATE_WIDTH; field++) {
      const place = service * RATE_WIDTH + field;
      ofServices[place] = (ofServices[place] ?? 0) + (ofServers[index * RATE_WIDTH + field] ?? 0);
    }
  }
}

const SCHEDULED = RATE_FIELDS.indexOf("connections");
/** Which number of a row stands where in a path. */
const TRAFFIC = RATE_FIELDS.flatMap((field, at) =>
  field === "connections" ? [] : [{ at, offset: Path.offsets[field] }],
);

/** Puts what each destination has counted into its row of a table of zeros. */
function* readCounters({ maps: { loads, paths } }: Dataplane, counted: Float64Array): Generator<void> {
  const end = counted.length / RATE_WIDTH;
  const addScheduled = (index: number, view: DataView, at: number): void => {
    counted[index * RATE_WIDTH + SCHEDULED] = numberAt(view, at + Load.offsets.scheduled);
  };
  yield* inBatches(loads, addScheduled, { end });
  const addTraffic = (index: number, view: DataView, at: number, size: number): void => {
    // One value after another for each CPU.
    for (let cpu = at; cpu < at + size; cpu += Path.size) {
      for (const field of TRAFFIC) {
        const place = index * RATE_WIDTH + field.at;
        counted[place] = (counted[place] ?? 0) + numberAt(view, cpu + field.offset);
      }
    }
  };
  yield* inBatches(paths, addTraffic, { end });
}

/** Two halves: a bigint for each counter would be most of the work. */
function numberAt(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
