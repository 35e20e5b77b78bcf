// Rates at work: every two seconds all counters are read in a few calls, whatever the number of servers.

import { Load, Path } from "@yardmaster/dataplane";
import type { ServiceStatus, TrafficRates } from "../api/types.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import { eachValue } from "../kernel/each-value.ts";
import { endpointOf, type LiveDestination, type LiveService } from "../live/service.ts";
import { keepGoing, type Rounds } from "../reconcile/rounds.ts";
import { RATE_PERIOD_MS, type RateCounters, Rates } from "./rates.ts";

const NOTHING: RateCounters = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };

/** The rates of the services of a director. */
export class ServiceRates {
  readonly #rates = new Rates();

  /** Measures now; to be called every RATE_PERIOD_MS. */
  measure(dataplane: Dataplane): void {
    const byDestination = readCounters(dataplane);
    const counted = new Map<string, RateCounters>();
    for (const service of dataplane.live.services()) {
      const servers = service.members.map((member): [string, RateCounters] => [
        serverName(service, member),
        byDestination[member.index] ?? NOTHING,
      ]);
      for (const [name, counters] of servers) counted.set(name, counters);
      counted.set(service.definition.name, total(servers.map(([, counters]) => counters)));
    }
    this.#rates.measure(counted);
  }

  /** Measures until `signal` is aborted. */
  keepMeasured(current: () => Dataplane, options: Pick<Rounds, "signal" | "report">): Promise<void> {
    const round = (): void => this.measure(current());
    return keepGoing({ doing: "measuring rates", pauseMs: RATE_PERIOD_MS, ...options, round });
  }

  /** A snapshot of services with their rates. */
  annotate(services: readonly ServiceStatus[]): readonly ServiceStatus[] {
    return services.map((service) => ({
      ...service,
      ...this.#of(service.name),
      servers: service.servers.map((server) => ({ ...server, ...this.#of(`${service.name} ${endpointOf(server)}`) })),
    }));
  }

  #of(name: string): { readonly perSecond: TrafficRates } | undefined {
    const perSecond = this.#rates.of(name);
    return perSecond && { perSecond };
  }
}

function serverName({ definition }: LiveService, member: LiveDestination): string {
  return `${definition.name} ${endpointOf(member.definition)}`;
}

/** What each destination has counted, by its index. */
function readCounters({ maps: { loads, paths } }: Dataplane): RateCounters[] {
  const counted = Array.from({ length: loads.spec.maxEntries }, () => ({ ...NOTHING }));
  eachValue(loads, (index, view, at) => {
    const counters = counted[index];
    if (counters !== undefined) counters.connections = numberAt(view, at + Load.offsets.scheduled);
  });
  eachValue(paths, (index, view, at, size) => {
    const counters = counted[index];
    if (counters === undefined) return;
    // One value after another for each CPU.
    for (let cpu = at; cpu < at + size; cpu += Path.size) {
      for (const field of ["packetsIn", "bytesIn", "packetsOut", "bytesOut"] as const) {
        counters[field] += numberAt(view, cpu + Path.offsets[field]);
      }
    }
  });
  return counted;
}

function numberAt(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function total(all: readonly RateCounters[]): RateCounters {
  const sum = (field: keyof RateCounters) => all.reduce((so, counters) => so + counters[field], 0);
  return {
    connections: sum("connections"),
    packetsIn: sum("packetsIn"),
    packetsOut: sum("packetsOut"),
    bytesIn: sum("bytesIn"),
    bytesOut: sum("bytesOut"),
  };
}
