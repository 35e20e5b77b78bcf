// The two nouns that configuration, plan and status share: a virtual service and its destinations, as in LVS.
// Plain readonly data; what is observed about them (counters, connections) lives in api/types.ts.
import type { HealthCheck, ServiceHealth } from "./check.ts";
import type { ClientAddress } from "./client-address.ts";
import type { Encapsulation } from "./encapsulation.ts";
import type { ForwardingMethod } from "./forwarding-method.ts";
import type { Ports } from "./ports.ts";
import type { Scheduler, SchedulerOption } from "./scheduler.ts";

/** Transport protocols that this version balances. */
export const protocols = ["tcp", "udp"] as const;

/** A transport protocol by the name people write. */
export type Protocol = (typeof protocols)[number];

/** A real server as one service uses it. */
export interface Destination {
  /** In its canonical spelling. Of the service's family, unless its method can mix them. */
  readonly address: string;
  /** Port in host order; 0: the port that the client wrote to. */
  readonly port: number;
  /** 0–65535; 0 is quiesced: no new connections, existing ones live on. */
  readonly weight: number;
  readonly forwarding: ForwardingMethod;
  /** Connections at which it gets no more; 0: never. */
  readonly upperThreshold: number;
  /** Connections below which it gets some again; 0: three quarters of the upper threshold. */
  readonly lowerThreshold: number;
  /** How packets to it are wrapped; only where `forwarding` is tun. */
  readonly encapsulation?: Encapsulation;
  /** How it is told who the client is; only where `forwarding` is fullnat. */
  readonly clientAddress?: ClientAddress;
  /** How long it may keep its connections when it is removed; 0: not at all. Absent: as its service says. */
  readonly drainMs?: number;
  /** Its own checks instead of the service's; absent: it has none of its own. */
  readonly checks?: readonly HealthCheck[];
  /** True: its checks have found it down. Never written by a person; its weight is 0 then. */
  readonly isDown?: true;
  /** True: the sorry server. Its weight is 0, and 1 while too few others are up; nobody checks it. */
  readonly isSorry?: true;
}

/** Packets that get a mark. */
export interface MarkRule {
  /** Where they are addressed to: a prefix in its canonical spelling, always with its length. */
  readonly prefix: string;
  readonly ports: Ports;
  readonly protocols: readonly Protocol[];
}

/** Which packets are a service's. */
export type ServiceMatch =
  | { readonly kind: "exact"; readonly address: string; readonly port: number; readonly protocol: Protocol }
  | {
      readonly kind: "wide";
      /** In their canonical spelling, always with their length. */
      readonly prefixes: readonly [string, ...string[]];
      readonly ports: Ports;
      readonly protocol: Protocol;
    }
  | { readonly kind: "mark"; readonly mark: number; readonly rules: readonly [MarkRule, ...MarkRule[]] };

/** How clients stay with their server. */
export interface Persistence {
  /** How long after its last new connection a client is remembered. */
  readonly timeoutMs: number;
  /** Clients whose addresses agree in so many leading bits are one. */
  readonly maskBits: number;
}

/** Limits that hold floods off; 0: none. */
export interface Caps {
  readonly newPerSecond: number;
  readonly halfOpen: number;
}

/** What clients connect to. */
export interface VirtualService {
  readonly name: string;
  readonly match: ServiceMatch;
  readonly scheduler: Scheduler;
  readonly schedulerOptions: readonly SchedulerOption[];
  /** Slots of the scheduler's table; undefined: as many as the kernel's has, or it has none. */
  readonly tableSize: number | undefined;
  /** The method of destinations that don't name their own. */
  readonly forwarding: ForwardingMethod;
  readonly persistence: Persistence | undefined;
  /** UDP: every packet is scheduled, no connection is kept. */
  readonly onePacket: boolean;
  readonly caps: Caps;
  /** What full NAT sends from, of any family, in written order; only where a server's `forwarding` is fullnat. */
  readonly localAddresses?: readonly string[];
  /** How long a server that is removed may keep its connections; 0: not at all. Absent: `defaultDrainMs`. */
  readonly drainMs?: number;
  /** How long a server that comes takes to come to its weight. Absent: it has it at once. */
  readonly slowStartMs?: number;
  /** What is checked of its servers; absent: nothing is. */
  readonly health?: ServiceHealth;
  /** In written order: order decides ties between equal destinations. The sorry server comes last. */
  readonly servers: readonly Destination[];
}

/** How long removed servers may keep their connections unless a service says otherwise. */
export const defaultDrainMs = 300_000;

/** How long servers that a service loses may keep their connections; 0: not at all. */
export function drainMsOf({ drainMs = defaultDrainMs }: Pick<VirtualService, "drainMs">): number {
  return drainMs;
}

/** The same of one server that a service loses and that goes on itself. */
export function serverDrainMs(server: Pick<Destination, "drainMs">, service: Pick<VirtualService, "drainMs">): number {
  return server.drainMs ?? drainMsOf(service);
}

/** The prefixes that a service's packets are addressed to. */
export function prefixesOf(match: ServiceMatch): readonly string[] {
  switch (match.kind) {
    case "exact":
      return [match.address];
    case "wide":
      return match.prefixes;
    case "mark":
      return match.rules.map(({ prefix }) => prefix);
  }
}
