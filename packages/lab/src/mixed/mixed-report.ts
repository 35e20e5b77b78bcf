// What the mixed scenario has found out, as data: part of the JSON of `yardmaster lab --json`.
import type { LabService } from "../layout.ts";
import type { EndReport, MixReport } from "./mixer.ts";
import type { LeastConnectionScheduler } from "./promise.ts";

/** A service of this scenario. */
export interface MixedService extends LabService {
  readonly scheduler: LeastConnectionScheduler;
}

/** One server of a service at one moment. */
export interface ServerCounts {
  readonly host: string;
  /** As `yardmaster status` has it. */
  readonly active: number;
  readonly inactive: number;
  /** TCP connections that the server itself counts as open on this service's port. */
  readonly open: number;
}

/** One service's connections. */
export interface MixedResult {
  readonly service: MixedService;
  /** How many connections were to be made. */
  readonly wanted: { readonly long: number; readonly short: number };
  readonly traffic: MixReport;
  /** Long connections by server, in the order of the destinations, as the scheduler's rule has them. */
  readonly promised: readonly number[];
  /** While the long connections stood and no other did. */
  readonly standing: readonly ServerCounts[];
  /** How many connections the director has scheduled for the service. */
  readonly scheduled: number;
  /** When all had ended and the timeouts had passed. */
  readonly ended: readonly ServerCounts[];
}

/** The whole scenario for one forwarding method. */
export interface MixedMeasurement {
  readonly services: readonly MixedResult[];
  /** The last request over the long connections of all services, and their end. */
  readonly end: EndReport;
}
