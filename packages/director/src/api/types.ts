// What the director shows of itself: read-only snapshots, the JSON of the HTTP API. Types only: the command line and
// the web page import this file and nothing else of the daemon. Counters count since the service was first set up.
import type { ConfigurationFault } from "../config/fault.ts";
import type { CheckWay } from "../model/check.ts";
import type { ForwardingMethod } from "../model/forwarding-method.ts";
import type { Scheduler, SchedulerOption } from "../model/scheduler.ts";
import type { Caps, Destination, Persistence, Protocol, ServiceMatch } from "../model/virtual-service.ts";

/** What happens in a second, by LVS's estimator (status/rates.ts). */
export interface TrafficRates {
  readonly connections: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What is counted per service and per destination. */
export interface TrafficCounters {
  /** Established connections, by LVS's definition. */
  readonly activeConnections: number;
  /** All other entries of the connection table that belong here. */
  readonly inactiveConnections: number;
  /** Clients that are bound here by persistence: their templates. */
  readonly persistentClients: number;
  /** Connections scheduled since the start. */
  readonly connections: number;
  readonly packetsIn: number;
  readonly bytesIn: number;
  /** Packets on the way back; absent where replies do not pass the director (dr). */
  readonly packetsOut?: number;
  readonly bytesOut?: number;
}

/** What has rates. */
export interface Rated {
  /** Absent until it has been measured, every two seconds. */
  readonly perSecond?: TrafficRates;
}

/** A destination of a service, observed; its lower threshold is the one in force. */
export interface DestinationStatus extends TrafficCounters, Rated, Destination {
  /** It has reached its upper threshold and not come below the lower one since: it gets no new connections. */
  readonly overloaded: boolean;
  /** fullnat with clientAddress toa: connections whose server could not be told who the client is. */
  readonly clientsUntold?: number;
  /** fullnat: ports of local addresses that its connections have, and how many there are towards one server. */
  readonly localPorts?: { readonly inUse: number; readonly maximum: number };
}

/** A virtual service, observed. */
export interface ServiceStatus extends TrafficCounters, Rated {
  readonly name: string;
  readonly match: ServiceMatch;
  /** The same for people: `tcp 198.51.100.10:80`, `10.0.0.0/8 tcp/80,443`, `mark 7`. */
  readonly matchText: string;
  readonly scheduler: Scheduler;
  readonly schedulerOptions: readonly SchedulerOption[];
  readonly forwarding: ForwardingMethod;
  /** Absent: clients are not bound to servers. */
  readonly persistence?: Persistence;
  readonly onePacket: boolean;
  readonly caps: Caps;
  /** What full NAT sends from; absent where no server has it. */
  readonly localAddresses?: readonly string[];
  readonly servers: readonly DestinationStatus[];
}

/** One exchange of a check with a server. */
export interface CheckExchange {
  /** When it began: milliseconds since 1970. */
  readonly atMs: number;
  readonly durationMs: number;
  /** `unknown`: the director could not ask. */
  readonly outcome: "good" | "bad" | "unknown";
  /** As it came: `HTTP 503 Service Unavailable`, `ECONNREFUSED`. */
  readonly reason: string;
}

/** A health check at work; services that ask for the same share one. */
export interface CheckStatus {
  /** `http GET /health`. */
  readonly check: string;
  readonly via: CheckWay;
  readonly address: string;
  readonly port: number;
  /** For whom: the service's name, and the server's address and port. */
  readonly servers: readonly { readonly service: string; readonly server: string }[];
  readonly isUp: boolean;
  /** Answers in a row that speak against `isUp`. */
  readonly against: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  /** The last 20, the newest last. */
  readonly exchanges: readonly CheckExchange[];
}

/** An interface that the program is attached to. */
export interface HookStatus {
  readonly interfaceName: string;
  readonly mode: "native" | "generic" | "tc";
  /** The kernel's id of the program (`bpftool prog show id …`). */
  readonly programId: number;
}

/** How many packets left the program by one named way. */
export interface VerdictCount {
  readonly verdict: "pass" | "drop";
  readonly reason: string;
  readonly packets: number;
}

/** What probably keeps a server from working. */
export interface Hint {
  /** `error`: packets do not arrive. */
  readonly severity: "error" | "warning";
  /** Stable, for programs. */
  readonly code: string;
  readonly service: string;
  /** `10.0.0.11:80`; what is wrong with the machine is said of the first server only. */
  readonly server: string;
  readonly message: string;
  /** What was seen, and how to see it. */
  readonly evidence: string;
  /** The command that mends it, or what else to do. */
  readonly hint: string;
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
  readonly hints: readonly Hint[];
  readonly connectionTable: {
    readonly entries: number;
    readonly maximum: number;
    /** Kernel memory that the table takes, in bytes. */
    readonly memoryBytes?: number;
  };
}

/** A connection, or a client's template; addresses are `address:port` text, IPv6 ones in brackets. */
export interface ConnectionRow {
  readonly kind: "connection" | "template";
  /** `any`: a template of a mark, for all protocols. */
  readonly protocol: Protocol | "any";
  /** LVS's name of the state: ESTABLISHED, SYN_RECV, FIN_WAIT, UDP … of templates NONE or ASSURED. */
  readonly state: string;
  readonly expiresInMs: number;
  /** Port 0 for templates, whose address is cut to the netmask. */
  readonly client: string;
  /** Port 0: for all ports; `mark 7`: for all that has the mark. */
  readonly virtual: string;
  readonly destination: string;
  /** fullnat: the director's address and port that the destination talks to. */
  readonly local?: string;
  /** Name of the service. */
  readonly service: string;
  /** Of a template: connections that were opened under it and go on. */
  readonly controls?: number;
  readonly packets?: number;
}

/** The answer to a connections request. */
export interface ConnectionList {
  readonly connections: readonly ConnectionRow[];
}

/** `GET /v1/checks`. */
export interface CheckList {
  readonly checks: readonly CheckStatus[];
}

/** An error of the API (RFC 9457), with the stable code beside the RFC's members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** What to do. */
  readonly hint?: string;
  /** Of a configuration that is refused: everything that is wrong with it. */
  readonly faults?: readonly ConfigurationFault[];
}
