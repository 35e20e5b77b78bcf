// Measures the mixed scenario, in the real lab and in the simulated one: mixes the connections of each service, looks
// at director and servers while the long ones stand, ends them, and looks again when all is to be over.
import type { DirectorStatus, ServiceStatus } from "@yardmaster/director";

import type { LabLayout } from "../layout.ts";
import type { MixedMeasurement, MixedService, ServerCounts } from "./mixed-report.ts";
import type { EndReport, MixJob, MixReport } from "./mixer.ts";
import { isLeastConnection, promisedCounts } from "./promise.ts";

/** What the services' weights add up to, and a multiple of the number of servers: every share is a whole number. */
const LONG = 12;
/** 24 in all: less, even all at the slowest server, than lc's and wlc's smallest step between unequals, 256 / 8. */
const SHORT_BEFORE_EACH = 2;

/** What director and servers say at one moment. */
export interface Observation {
  readonly status: DirectorStatus;
  /** Open connections by server and port. */
  readonly open: Readonly<Record<string, Readonly<Record<number, number>>>>;
}

/** A network in which it can be done. */
export interface MixedSite {
  readonly mix: (job: MixJob) => Promise<MixReport>;
  readonly endAll: () => Promise<EndReport>;
  /** Looks again and again until `isSettled`, for as long as that can take; what was seen last. */
  readonly observe: (isSettled: (seen: Observation) => boolean) => Promise<Observation>;
}

/** Makes the connections of all services, one service after the other, and ends them together. */
export async function measureMixed(layout: LabLayout, site: MixedSite): Promise<MixedMeasurement> {
  const services = layout.services.flatMap((service) => {
    const { scheduler } = service;
    return isLeastConnection(scheduler) ? [{ ...service, scheduler }] : [];
  });
  const made: { readonly service: MixedService; readonly traffic: MixReport }[] = [];
  for (const service of services) {
    const { address, port } = service;
    const { clientAddresses } = layout;
    const job = { address, port, clientAddresses, long: LONG, shortBeforeEach: SHORT_BEFORE_EACH };
    made.push({ service, traffic: await site.mix(job) });
  }
  // A server notices the end of the last short connection a moment after the client; the director has seen it before.
  const standing = await site.observe((seen) =>
    made.every(({ service, traffic }) => total(countsOf(service, seen), "open") === traffic.longServers.length),
  );
  const end = await site.endAll();
  const ended = await site.observe((seen) =>
    services.every((service) => {
      const counts = countsOf(service, seen);
      return total(counts, "active") + total(counts, "inactive") + total(counts, "open") === 0;
    }),
  );
  const results = made.map(({ service, traffic }) => ({
    service,
    wanted: { long: LONG, short: LONG * SHORT_BEFORE_EACH },
    traffic,
    promised: promisedCounts(service.scheduler, weightsOf(service), LONG),
    standing: countsOf(service, standing),
    scheduled: statusOf(service, ended)?.connections ?? 0,
    ended: countsOf(service, ended),
  }));
  return { services: results, end };
}

/** The weights of a service's servers, in order. */
export function weightsOf({ destinations }: MixedService): readonly number[] {
  return destinations.map(({ weight }) => weight);
}

/** The sum of one kind of count over the servers. */
export function total(counts: readonly ServerCounts[], kind: "active" | "inactive" | "open"): number {
  return counts.reduce((sum, count) => sum + count[kind], 0);
}

function countsOf(service: MixedService, seen: Observation): readonly ServerCounts[] {
  const servers = statusOf(service, seen)?.servers;
  return service.destinations.map(({ host, address, port }) => {
    const server = servers?.find((each) => each.address === address && each.port === port);
    // -1: nobody said. No count is ever expected to be that.
    const { activeConnections: active = -1, inactiveConnections: inactive = -1 } = server ?? {};
    return { host, active, inactive, open: seen.open[host]?.[port] ?? -1 };
  });
}

function statusOf({ name }: MixedService, { status }: Observation): ServiceStatus | undefined {
  return status.services.find((service) => service.name === name);
}
