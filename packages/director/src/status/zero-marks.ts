// What had been counted when somebody asked for counters to begin at zero, as `ipvsadm -Z` does. Nothing is reset: who
// wants to see what came since takes it off, and everybody else's counters never go back.

import type { DestinationStatus, ServiceStatus, ZeroedCounters } from "../api/types.ts";
import { DirectorError } from "../errors.ts";

const fields = ["connections", "packetsIn", "bytesIn", "packetsOut", "bytesOut"] as const;

/** Marks by service and server, as they can be kept. */
export type KeptMarks = Readonly<Record<string, ZeroedCounters>>;

/** The marks of one director. */
export class ZeroMarks {
  #marks: ReadonlyMap<string, ZeroedCounters>;

  constructor(kept: KeptMarks = {}) {
    this.#marks = new Map(Object.entries(kept));
  }

  get kept(): KeptMarks {
    return Object.fromEntries(this.#marks);
  }

  /** Marks what is counted now, of the service of a name or of all. Throws a DirectorError, YM_CHANGE_NO_SERVICE. */
  zero(services: readonly ServiceStatus[], name: string | undefined): void {
    const meant = name === undefined ? services : services.filter((service) => service.name === name);
    if (name !== undefined && meant.length === 0) {
      throw new DirectorError("YM_CHANGE_NO_SERVICE", `there is no service "${name}"`);
    }
    const marks = meant.flatMap((service) =>
      service.servers.map((server): [string, ZeroedCounters] => [keyOf(service, server), countedOf(server)]),
    );
    this.#marks = new Map(name === undefined ? marks : [...this.#marks, ...marks]);
  }

  /** These services with their marks; of a service the sum of its servers', as its counters are. */
  annotate(services: readonly ServiceStatus[]): ServiceStatus[] {
    if (this.#marks.size === 0) return [...services];
    return services.map((service) => {
      const servers = service.servers.map((server) => this.#annotated(service, server));
      const marks = servers.flatMap(({ zeroed }) => zeroed ?? []);
      return marks.length === 0 ? service : { ...service, servers, zeroed: sum(marks) };
    });
  }

  #annotated(service: ServiceStatus, server: DestinationStatus): DestinationStatus {
    const zeroed = this.#marks.get(keyOf(service, server));
    // Of one that was forgotten and came again nothing had been counted.
    const isOther = zeroed === undefined || fields.some((field) => (server[field] ?? 0) < zeroed[field]);
    return isOther ? server : { ...server, zeroed };
  }
}

function keyOf({ matchText }: ServiceStatus, { address, port }: DestinationStatus): string {
  return `${matchText} ${address} ${port}`;
}

function countedOf({ connections, packetsIn, bytesIn, packetsOut = 0, bytesOut = 0 }: DestinationStatus) {
  return { connections, packetsIn, bytesIn, packetsOut, bytesOut } satisfies ZeroedCounters;
}

function sum(marks: readonly ZeroedCounters[]): ZeroedCounters {
  const of = (field: (typeof fields)[number]) => marks.reduce((all, mark) => all + mark[field], 0);
  return {
    ...{ connections: of("connections"), packetsIn: of("packetsIn"), bytesIn: of("bytesIn") },
    ...{ packetsOut: of("packetsOut"), bytesOut: of("bytesOut") },
  };
}
