// Rates at work: every two seconds all counters are read in a few calls, whatever the number of servers.

import { Load, Path } from "@yardmaster/dataplane";
import type { ServiceStatus, TrafficRates } from "../api/types.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { eachValue } from "../kernel/each-value.ts";
import { endpointOf, identityOf } from "../live/service.ts";
import { keepGoing, type Rounds } from "../reconcile/rounds.ts";
import { numberAt } from "./counters.ts";
import { RATE_PERIOD_MS, type RateCounters, Rates } from "./rates.ts";

/** Numbers of a destination in the table of counters, in this order. */
const FIELDS = ["connections", "packetsIn", "bytesIn", "packetsOut", "bytesOut"] as const;
const WIDTH = FIELDS.length;

/** The rates of the services of a director. */
export class ServiceRates {
  /** By the indexes of destinations and of services. */
  readonly #servers = new Rates();
  readonly #services = new Rates();

  /** Measures now; to be called every RATE_PERIOD_MS. */
  measure(dataplane: Dataplane): void {
    const services = dataplane.live.services();
    let end = 0;
    for (const { members } of services) for (const { index } of members) end = Math.max(end, index + 1);
    const counted = readCounters(dataplane, end);
    this.#servers.measure(
      services.flatMap(({ index: service, members }) =>
        members.map(({ index, definition }) => [index, ownerOf(service, definition), countersAt(counted, [index])]),
      ),
    );
    this.#services.measure(
      services.map(({ index, definition, members }) => {
        const indexes = members.map((member) => member.index);
        return [index, identityOf(definition), countersAt(counted, indexes)] as const;
      }),
    );
  }

  /** Measures until `signal` is aborted. */
  keepMeasured(current: () => Dataplane, options: Pick<Rounds, "signal" | "report">): Promise<void> {
    const round = (): void => this.measure(current());
    return keepGoing({ doing: "measuring rates", pauseMs: RATE_PERIOD_MS, ...options, round });
  }

  /** A snapshot of a service with its rates. */
  annotate({ live }: Dataplane, service: ServiceStatus): ServiceStatus {
    const known = live.find(identityOf(service));
    const members = new Map(known?.members.map(({ index, definition }) => [endpointOf(definition), index]));
    const ofServer = (server: Parameters<typeof endpointOf>[0]) => {
      const index = members.get(endpointOf(server));
      return index === undefined || known === undefined
        ? undefined
        : this.#servers.of(index, ownerOf(known.index, server));
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

function ownerOf(service: number, { address, port }: Parameters<typeof endpointOf>[0]): string {
  return `${service} ${address} ${port}`;
}

/** The sum of what these destinations have counted. */
function countersAt(counted: Float64Array, indexes: readonly number[]): RateCounters {
  const sum = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };
  for (const index of indexes) FIELDS.forEach((field, at) => (sum[field] += counted[index * WIDTH + at] ?? 0));
  return sum;
}

/** What each destination below `end` has counted: so many numbers for each. */
function readCounters({ maps: { loads, paths } }: Dataplane, end: number): Float64Array {
  const counted = new Float64Array(end * WIDTH);
  const addScheduled = (index: number, view: DataView, at: number): void => {
    counted[index * WIDTH] = numberAt(view, at + Load.offsets.scheduled);
  };
  eachValue(loads, addScheduled, { end });
  const offsets = FIELDS.slice(1).map((field) => Path.offsets[field as Exclude<typeof field, "connections">]);
  const addTraffic = (index: number, view: DataView, at: number, size: number): void => {
    // One value after another for each CPU.
    for (let cpu = at; cpu < at + size; cpu += Path.size) {
      for (let field = 1; field < WIDTH; field++) {
        const place = index * WIDTH + field;
        counted[place] = (counted[place] ?? 0) + numberAt(view, cpu + (offsets[field - 1] ?? 0));
      }
    }
  };
  eachValue(paths, addTraffic, { end });
  return counted;
}
