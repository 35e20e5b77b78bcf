// What the director shows of itself: read-only snapshots, the JSON of the HTTP API. Types only: the command line and
// the web page import this file and nothing else of the daemon. Counters count since the service was first set up.
import type { ForwardingMethod } from "../model/forwarding-method.ts";
import type { Scheduler } from "../model/scheduler.ts";
import type { Protocol } from "../model/virtual-service.ts";

/** What is counted per service and per destination. */
export interface TrafficCounters {
  /** Established connections, by LVS's definition. */
  readonly activeConnections: number;
  /** All other entries of the connection table that belong here. */
  readonly inactiveConnections: number;
  /** Connections scheduled since the start. */
  readonly connections: number;
  readonly packetsIn: number;
  readonly bytesIn: number;
  /** Packets on the way back; absent where replies do not pass the director (dr). */
  readonly packetsOut?: number;
  readonly bytesOut?: number;
}

/** A destination of a service, observed. */
export interface DestinationStatus extends TrafficCounters {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly forwarding: ForwardingMethod;
}

/** A virtual service, observed. */
export interface ServiceStatus extends TrafficCounters {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly scheduler: Scheduler;
  readonly forwarding: ForwardingMethod;
  readonly servers: readonly DestinationStatus[];
}

/** An interface that the program is attached to. */
export interface HookStatus {
  readonly interfaceName: string;
  readonly mode: "native" | "generic";
  /** The kernel's id of the program (`bpftool prog show id …`). */
  readonly programId: number;
}

/** How many packets left the program by one named way. */
export interface VerdictCount {
  readonly verdict: "pass" | "drop";
  readonly reason: string;
  readonly packets: number;
}

/** The director and all of its services at one moment. */
export interface DirectorStatus {
  readonly version: string;
  readonly pid: number;
  /** Unix time in milliseconds. */
  readonly startedAtMs: number;
  readonly configurationFile: string;
  readonly hooks: readonly HookStatus[];
  readonly services: readonly ServiceStatus[];
  readonly verdicts: readonly VerdictCount[];
  readonly connectionTable: {
    readonly entries: number;
    readonly maximum: number;
    /** Kernel memory that the table takes, in bytes. */
    readonly memoryBytes?: number;
  };
}

/** One entry of the connection table; addresses are `address:port` text. */
export interface ConnectionRow {
  readonly protocol: Protocol;
  /** LVS's name of the state: ESTABLISHED, SYN_RECV, FIN_WAIT, UDP … */
  readonly state: string;
  readonly expiresInMs: number;
  readonly client: string;
  readonly virtual: string;
  readonly destination: string;
  /** Name of the service. */
  readonly service: string;
  readonly packets?: number;
}

/** The answer to a connections request. */
export interface ConnectionList {
  readonly connections: readonly ConnectionRow[];
}

/** An error of the API (RFC 9457), with the stable code beside the RFC's members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}
