// What is on trial: a balancer that is configured as IPVS is, gets frames and tells what it holds. The runner knows
// it by this interface alone: an adapter puts Yardmaster's data plane behind it, tests a simple balancer of their own.
import type { IpvsServer, IpvsService, ServiceKey } from "@yardmaster/leaving-ipvs";
import type { MarkRule } from "./mark-rules.ts";
import type { Network } from "./network.ts";
import type { Side } from "./topology.ts";

export type { ServiceKey };

/** A virtual service with all its attributes; the words are ipvsadm's. */
export type Service = IpvsService;

export type Mode = "nat" | "dr" | "tun";

/** A real server with all its attributes. */
export type Server = IpvsServer;

/** An Ethernet frame on one of the director's two links. */
export interface Packet {
  readonly side: Side;
  readonly frame: Uint8Array;
}

/** What became of a frame: what left at once, and what the host's network stack got, changed or not. */
export interface Sent {
  readonly leaving: readonly Packet[];
  readonly toStack: readonly Uint8Array[];
}

/** A server as a listing shows it. */
export interface Destination {
  /** "10.2.0.11:80", "[fd00:2::b]:80". */
  readonly name: string;
  readonly active: number;
  readonly inactive: number;
}

/** A line of the connection table as the kernel lists it; endpoints as `endpointText` writes them. */
export interface Entry {
  /** "TCP", "UDP"; "IP" for the templates of mark services. */
  readonly protocol: string;
  /** Port 0 for templates. */
  readonly client: string;
  /** For templates of mark services the mark as an address: "0.0.0.1:0". */
  readonly virtual: string;
  readonly server: string;
  readonly state: string;
  /** Whole seconds left, rounded down. */
  readonly expiresS: number;
}

/** IPVS refuses what was asked (no such service, lower above upper …); anything else that is thrown is a fault. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code = "YM_ORACLE_REFUSED";
}

/**
 * A balancer under trial, at the kernel's defaults when made. Control methods throw Refused where IPVS refuses, and an
 * ordinary error for what they cannot do; either way nothing has changed. Its clock stands still between `advance`s.
 */
export interface Subject extends Disposable {
  addService(service: Service): void;
  /** The attributes that the service has from now on. */
  editService(service: Service): void;
  removeService(key: ServiceKey): void;
  addServer(key: ServiceKey, server: Server): void;
  /** The attributes that the server has from now on. */
  editServer(key: ServiceKey, server: Server): void;
  removeServer(key: ServiceKey, name: string): void;
  /** `name` as under net.ipv4.vs. */
  setSysctl(name: string, value: number | string): void;
  /** As `ipvsadm --set`; 0 keeps a value. */
  setTimeouts(tcpS: number, tcpFinS: number, udpS: number): void;
  startSyncDaemon(role: "master" | "backup", interfaceName: string, syncId: number): void;
  /** Lets time pass, 0 ms included: then everything is done that timers had to do by then, each thing at its time. */
  advance(elapsedMs: number): void;
  /** A frame arrives on a link; `mark` is what netfilter gave the packet, 0 for nothing. */
  send(packet: Packet, mark: number): Sent;
  /** What left by itself since the last call (synchronisation). */
  takeUnasked(): readonly Packet[];
  /** The servers of a service in the kernel's list order, head first. */
  destinations(key: ServiceKey): readonly Destination[];
  /** All entries and templates, in any order. */
  entries(): readonly Entry[];
}

/** What surrounds a subject. */
export interface Situation {
  /** The director's network; packets are sent and routes found inside. */
  readonly network: Network;
  /** What netfilter marks on the client's side, for a balancer that sees packets before netfilter does. */
  readonly markRules: readonly MarkRule[];
}

export type SubjectFactory = (situation: Situation) => Subject;

/** A setting of the kernel's that the balancer does not have. */
export class NotBuilt extends Error {
  override readonly name = "NotBuilt";
}
