// What the director shows of itself: read-only snapshots, the JSON of the HTTP API, by their schemas. Types only: the
// command line and the web page import this file and nothing else of the daemon.
import type { z } from "zod";
import type { problemDocument } from "./change-schemas.ts";
import type { checkExchange, checkList, checkStatus } from "./check-schemas.ts";
import type { countersEvent, stateEvent } from "./event-schemas.ts";
import type * as status from "./status-schemas.ts";

/** A value that nobody changes, however deep. */
type Snapshot<T> = unknown extends T ? T : { readonly [Key in keyof T]: Snapshot<T[Key]> };
/** What a schema describes. */
type Of<Schema extends z.ZodType> = Snapshot<z.output<Schema>>;

/** What happens in a second, by LVS's estimator (status/rates.ts). */
export type TrafficRates = Of<typeof status.trafficRates>;
/** What is counted per service and per destination. */
export type TrafficCounters = Of<typeof status.trafficCounters>;
/** What had been counted when counters were asked to begin at zero. */
export type ZeroedCounters = Of<typeof status.zeroedCounters>;
/** What has rates; absent until they have been measured. */
export type Rated = Pick<ServiceStatus, "perSecond">;
/** A destination of a service, observed; its lower threshold is the one in force. */
export type DestinationStatus = Of<typeof status.destinationStatus>;
/** A virtual service, observed. */
export type ServiceStatus = Of<typeof status.serviceStatus>;
/** One exchange of a check with a server. */
export type CheckExchange = Of<typeof checkExchange>;
/** A health check at work; services that ask for the same share one. */
export type CheckStatus = Of<typeof checkStatus>;
/** An interface that the program is attached to. */
export type HookStatus = Of<typeof status.hookStatus>;
/** How many packets left the program by one named way. */
export type VerdictCount = Of<typeof status.verdictCount>;
/** What probably keeps a server from working. */
export type Hint = Of<typeof status.hint>;
/** The director and all of its services at one moment. */
export type DirectorStatus = Of<typeof status.directorStatus>;
/** A connection, or a client's template; addresses are `address:port` text, IPv6 ones in brackets. */
export type ConnectionRow = Of<typeof status.connectionRow>;
/** The answer to a connections request. */
export type ConnectionList = Of<typeof status.connectionList>;
/** `GET /v1/checks`. */
export type CheckList = Of<typeof checkList>;
/** Something changed: an event of `GET /v1/events`. */
export type StateEvent = Of<typeof stateEvent>;
/** What is counted, from time to time, among the events. */
export type CountersEvent = Of<typeof countersEvent>;
/** An error of the API (RFC 9457), with the stable code beside the RFC's members. */
export type Problem = Of<typeof problemDocument>;
