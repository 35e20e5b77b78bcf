// The two nouns that configuration, plan and status share: a virtual service and its destinations, as in LVS.
// Plain readonly data; what is observed about them (counters, connections) lives in api/types.ts.
import type { ForwardingMethod } from "./forwarding-method.ts";
import type { Scheduler } from "./scheduler.ts";

/** Transport protocols that this version balances. */
export const protocols = ["tcp", "udp"] as const;

/** A transport protocol by the name people write. */
export type Protocol = (typeof protocols)[number];

/** A real server as one service uses it. */
export interface Destination {
  /** IPv4 address in dotted-quad text. */
  readonly address: string;
  /** Port in host order; equal to the service's port unless the method maps ports. */
  readonly port: number;
  /** 0–65535; 0 is quiesced: no new connections, existing ones live on. */
  readonly weight: number;
  readonly forwarding: ForwardingMethod;
}

/** What clients connect to. Identity: address, port and protocol. */
export interface VirtualService {
  readonly name: string;
  /** IPv4 address in dotted-quad text. */
  readonly address: string;
  /** Port in host order. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly scheduler: Scheduler;
  /** The method of destinations that don't name their own. */
  readonly forwarding: ForwardingMethod;
  /** In written order: order decides ties between equal destinations. */
  readonly servers: readonly Destination[];
}
