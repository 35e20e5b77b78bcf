// The whole of what a person asked for, complete with defaults: where the control road starts
// (configuration → desired state → plan → reconcile → kernel).
import { totalmem } from "node:os";
import type { VirtualService } from "./virtual-service.ts";

/** Where the program may be attached: `auto` takes native XDP where the driver has it, generic XDP otherwise. */
export const hooks = ["auto", "xdp", "xdp-generic"] as const;

/** A value of `director.hook`. */
export type Hook = (typeof hooks)[number];

/** Hooks that are known by name and not built yet. */
export const plannedHooks = ["tc"] as const;

/** `ipvs` behaves as kernel IPVS does to the letter, also where our default is kinder. */
export const compatibilities = ["none", "ipvs"] as const;

/** A value of `director.compatibility`. */
export type Compatibility = (typeof compatibilities)[number];

/** How long a connection may be silent before it is forgotten; LVS's `ipvsadm --set tcp tcpfin udp`. */
export interface ConnectionTimeouts {
  readonly tcpMs: number;
  readonly tcpFinMs: number;
  readonly udpMs: number;
}

/** LVS's defaults: 15 minutes, 2 minutes, 5 minutes (net/netfilter/ipvs/ip_vs_proto_tcp.c, ip_vs_proto_udp.c). */
export const defaultTimeouts: ConnectionTimeouts = { tcpMs: 900_000, tcpFinMs: 120_000, udpMs: 300_000 };

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
  readonly timeouts: ConnectionTimeouts;
  readonly connections: { readonly maximum: number };
}

/** A configuration file, checked and complete. */
export interface Configuration {
  readonly director: DirectorSettings;
  readonly services: readonly VirtualService[];
}
