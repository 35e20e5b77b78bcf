// What a data plane takes over from the one before: services and destinations by the places that connections know them
// by. Read by succession/heritage.ts, taken up by LiveServices.

import type { SchedulerName } from "@yardmaster/dataplane";
import type { LiveDestination, ServiceDefinition } from "./service.ts";

/** A destination as it was. */
export interface InheritedDestination extends LiveDestination {
  /** Some of its connections may have no entry for replies: a rule leads them. */
  readonly isRelied: boolean;
}

/** A service as it was. */
export interface InheritedService {
  readonly index: number;
  readonly identity: string;
  /** As much of it as its identity tells. */
  readonly definition: ServiceDefinition;
  readonly scheduler: SchedulerName;
  /** Also those that were removed and are not forgotten. */
  readonly destinations: readonly InheritedDestination[];
}

/** All of them. */
export type Heritage = readonly InheritedService[];
