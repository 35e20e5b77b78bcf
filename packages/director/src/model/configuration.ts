// The whole of what a person asked for, complete with defaults: where the control road starts
// (configuration → desired state → plan → reconcile → kernel).
import type { ApiSettings } from "./api-settings.ts";
import { totalmem } from "node:os";
import { defaultTimeoutsMs as millisecondsByState, type StateName, states } from "@yardmaster/dataplane";
import type { VirtualService } from "./virtual-service.ts";

/**
 * Where the program may be attached: `auto` takes native XDP where the driver has it, tc where packets come from
 * sockets of this machine through a bridge or a tap, generic XDP otherwise.
 */
export const hooks = ["auto", "xdp", "xdp-generic", "tc"] as const;

/** A value of `director.hook`. */
export type Hook = (typeof hooks)[number];

/** `ipvs` behaves as kernel IPVS does to the letter, also where our default is kinder. */
export const compatibilities = ["none", "ipvs"] as const;

/** A value of `director.compatibility`. */
export type Compatibility = (typeof compatibilities)[number];

/** What is timed by its state, and which (include/net/ip_vs.h); the first three are `ipvsadm --set tcp tcpfin udp`. */
export const timedStates = {
  tcp: "ESTABLISHED",
  tcpFin: "FIN_WAIT",
  udp: "UDP",
  none: "NONE",
  synSent: "SYN_SENT",
  synRecv: "SYN_RECV",
  synAck: "SYNACK",
  timeWait: "TIME_WAIT",
  close: "CLOSE",
  closeWait: "CLOSE_WAIT",
  lastAck: "LAST_ACK",
  listen: "LISTEN",
} as const satisfies Readonly<Record<string, StateName>>;

/** The word for a timeout of connections in one state. */
export type TimedState = keyof typeof timedStates;

/** In milliseconds: how long a connection may be silent in each state before it is forgotten. */
export type ConnectionTimeoutsMs = Readonly<Record<TimedState, number>>;

/** LVS's defaults (net/netfilter/ipvs/ip_vs_proto_tcp.c, ip_vs_proto_udp.c). */
export const defaultTimeoutsMs = Object.fromEntries(
  Object.entries(timedStates).map(([word, state]) => [word, millisecondsByState[states[state]] ?? 0]),
) as ConnectionTimeoutsMs;

/** Schedulers that remember addresses: after how long they forget one, and lblcr a server in the set of one. */
export type LocalityTimeoutsMs = Readonly<Record<"lblc" | "lblcr", number>>;

/** LVS's lblc_expiration and lblcr_expiration: a day (net/netfilter/ipvs/ip_vs_lblc.c, ip_vs_lblcr.c). */
export const defaultLocalityMs: LocalityTimeoutsMs = { lblc: 86_400_000, lblcr: 86_400_000 };

/**
 * What becomes of connections of a removed server: `drop` is LVS's default, `reschedule` its expire_nodest_conn;
 * `reset`, which LVS has not, tells the clients.
 */
export const removals = ["drop", "reset", "reschedule"] as const;

/** A value of `director.onRemoval`. */
export type Removal = (typeof removals)[number];

/** What becomes of clients that are bound to a server of weight 0: LVS's expire_quiescent_template. */
export const quiescedTemplates = ["keep", "leave"] as const;

/** A value of `director.quiescedTemplates`. */
export type QuiescedTemplates = (typeof quiescedTemplates)[number];

/** Which connections a SYN of the same client port replaces: LVS's conn_reuse_mode 0, 1 and 3. */
export const portReuses = ["never", "ended", "closing"] as const;

/** A value of `director.portReuse`. */
export type PortReuse = (typeof portReuses)[number];

/** What becomes of the MSS that a SYN announces: what fits the tunnel, nothing, or at most so many bytes. */
export type MssClamp = "auto" | "off" | number;

/** The smallest MSS of IPv4 that every host takes (RFC 9293 §3.7.1), and what the largest packet leaves for data. */
export const mssRange = { minimum: 536, maximum: 65_495 } as const;

/** As many as Linux itself sends (net.ipv4.icmp_msgs_per_sec, Documentation/networking/ip-sysctl.rst). */
export const defaultAnswersPerSecond = 1_000;

/** Kernel memory of an IPv4 connection, in bytes: an entry of 96 and a bucket of 16, for each direction. */
const BYTES_PER_CONNECTION = 2 * (96 + 16);

/**
 * Connections held at once unless the configuration says otherwise: the table is taken whole at the start, so what
 * fits a sixteenth of the machine's memory, rounded down to a power of two; a million at most.
 */
export function connectionsFor(memoryBytes: number): number {
  const fit = Math.max(1024, memoryBytes / 16 / BYTES_PER_CONNECTION);
  return Math.min(1_048_576, 2 ** Math.floor(Math.log2(fit)));
}

/** That number on this machine. */
export const defaultMaximumConnections = connectionsFor(totalmem());

/** Settings of the director itself. */
export interface DirectorSettings {
  /** Interfaces to attach to; undefined: those that have a route. */
  readonly interfaces: readonly string[] | undefined;
  readonly hook: Hook;
  readonly compatibility: Compatibility;
  readonly timeoutsMs: ConnectionTimeoutsMs;
  readonly localityMs: LocalityTimeoutsMs;
  readonly onRemoval: Removal;
  readonly quiescedTemplates: QuiescedTemplates;
  readonly portReuse: PortReuse;
  /** Any TCP packet but a reset may open a connection (sloppy_tcp). */
  readonly sloppyTcp: boolean;
  /** Stricter TCP states, in which only what a server says establishes (secure_tcp). */
  readonly secureTcp: boolean;
  /** Of so many packets that would open a connection one is dropped (drop_packet); 0: none. */
  readonly dropOneOf: number;
  /** ICMP errors and resets that the director sends at most in a second. */
  readonly answersPerSecond: number;
  /** Prefixes, with their length, that checks through the data plane have addresses of; absent: free ones. */
  readonly checkNetworks?: readonly string[];
  readonly mssClamp: MssClamp;
  /** An ICMP error about no connection is scheduled like a packet of its flow's client (schedule_icmp). */
  readonly scheduleIcmp: boolean;
  /** A nat server's packet of no connection is answered with port unreachable (nat_icmp_send). */
  readonly natIcmpSend: boolean;
  /** The director answers a ping to the address of a service, whether the machine has that address or not. */
  readonly pingVip: boolean;
  /** Whether packets that say "do not fragment" are never divided in tunnels. */
  readonly pathMtuDiscovery: boolean;
  readonly connections: { readonly maximum: number };
}

/** A configuration file, checked and complete. */
export interface Configuration {
  readonly director: DirectorSettings;
  /** Who may ask the API besides the owner of its socket; it counts when a director starts. Absent: nobody. */
  readonly api?: ApiSettings;
  readonly services: readonly VirtualService[];
}
