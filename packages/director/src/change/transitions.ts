// What takes time when a configuration changes: servers that leave take no new connections and stay until those that
// they have are over, servers that come take more and more. Both are said to the overlay; nothing here touches a map.

import { drainMsOf, serverDrainMs, type VirtualService } from "../model/virtual-service.ts";
import { endpointOf, identityOf } from "../live/service.ts";
import type { Report } from "../log/report.ts";
import { isOverlapping } from "./match-overlap.ts";
import type { Overlay } from "./overlay.ts";

/** A slow start goes up in so many steps. */
const STEPS = 10;

/** What transitions need of whatever runs. */
export interface TransitionsOptions {
  readonly overlay: Overlay;
  /** Connections of a server that are in the table, by identity and endpoint; 0 where there is no such server. */
  readonly connectionsOf: (service: string, endpoint: string) => number;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
  readonly report: Report;
  /** What leaves is other than before: time to write it down. */
  readonly onLeaving?: () => void;
}

/** Something that leaves, as it can be written down: a whole service, or some servers of one that stays. */
export interface Leaving {
  readonly kind: "service" | "server";
  /** With the servers that leave. */
  readonly service: VirtualService;
  /** How long it may go on. */
  readonly leftMs: number;
}

interface LeavingServer {
  readonly service: VirtualService;
  readonly until: number;
}

interface Starting {
  readonly service: string;
  readonly serviceName: string;
  readonly endpoint: string;
  readonly weight: number;
  readonly since: number;
  readonly durationMs: number;
  /** It was said that it begins. */
  readonly isTold?: true;
}

/** The transitions of one director. */
export class Transitions {
  readonly #options: TransitionsOptions;
  /** By the identity of the service and the endpoint. */
  #servers: ReadonlyMap<string, LeavingServer> = new Map();
  /** By identity: services that leave whole, all of their servers at weight 0. */
  #services: ReadonlyMap<string, LeavingServer> = new Map();
  #starting: ReadonlyMap<string, Starting> = new Map();

  constructor(options: TransitionsOptions) {
    this.#options = options;
  }

  /** These services, and those that are on their way out. */
  withLeaving(services: readonly VirtualService[]): readonly VirtualService[] {
    return this.#services.size === 0
      ? services
      : [...services, ...[...this.#services.values()].map((one) => one.service)];
  }

  /** What leaves. */
  leaving(): readonly Leaving[] {
    const now = this.#options.now();
    const of = (kind: Leaving["kind"]) => (one: LeavingServer) => ({
      ...{ kind, service: one.service },
      leftMs: Math.max(0, one.until - now),
    });
    return [...[...this.#services.values()].map(of("service")), ...[...this.#servers.values()].map(of("server"))];
  }

  /**
   * `after` is to follow `before`: says to the overlay what that means for single servers. Returns what takes it back,
   * for where it comes to nothing.
   */
  begin(before: readonly VirtualService[], after: readonly VirtualService[]): () => void {
    const known = { servers: this.#servers, services: this.#services, starting: this.#starting };
    const wanted = new Map(after.map((service) => [identityOf(service), service]));
    const servers = new Map(this.#servers);
    const services = new Map(this.#services);
    const starting = new Map(this.#starting);
    for (const service of this.withLeaving(before)) {
      const identity = identityOf(service);
      const next = wanted.get(identity);
      if (next === service) continue;
      if (next === undefined) this.#leave(service, { after, services, servers });
      else {
        services.delete(identity);
        this.#change(service, next, { servers, starting });
      }
    }
    this.#become({ servers, services, starting });
    return () => this.#become(known);
  }

  /** A server that is up again takes more and more. */
  startSlowly(service: VirtualService, endpoint: string): void {
    const server = service.servers.find((one) => endpointOf(one) === endpoint);
    if (server === undefined || server.weight < 2 || !service.slowStartMs) return;
    const starting = new Map(this.#starting);
    starting.set(...this.#starter(service, endpoint, server.weight));
    this.#become({ servers: this.#servers, services: this.#services, starting });
  }

  /** Goes on with what left a director that has ended, as far as the configuration does not say otherwise. */
  resume(left: readonly Leaving[], services: readonly VirtualService[]): void {
    const now = this.#options.now();
    const wanted = new Map(services.map((service) => [identityOf(service), service]));
    const known = { servers: new Map(this.#servers), services: new Map(this.#services) };
    for (const { kind, service, leftMs } of left) {
      const identity = identityOf(service);
      const next = wanted.get(identity);
      const until = now + leftMs;
      if (
        next === undefined &&
        kind === "service" &&
        !services.some((one) => isOverlapping(one.match, service.match))
      ) {
        known.services.set(identity, { service, until });
      }
      const [server] = service.servers;
      if (next === undefined || server === undefined || kind === "service") continue;
      const endpoint = endpointOf(server);
      if (!next.servers.some((one) => endpointOf(one) === endpoint)) {
        known.servers.set(nameOf(identity, endpoint), { service, until });
      }
    }
    this.#become({ ...known, starting: this.#starting });
  }

  /** Ends what is over, goes on with what is due. */
  tend(): void {
    if (this.#services.size + this.#servers.size + this.#starting.size === 0) return;
    const now = this.#options.now();
    const servers = new Map(this.#servers);
    for (const [name, leaving] of servers) if (this.#isOver(leaving, now, "server")) servers.delete(name);
    const services = new Map(this.#services);
    for (const [name, leaving] of services) if (this.#isOver(leaving, now, "service")) services.delete(name);
    const starting = new Map(this.#starting);
    for (const [name, one] of starting) {
      const isOver = now - one.since >= one.durationMs;
      if (isOver) starting.delete(name);
      else if (one.isTold !== true) starting.set(name, { ...one, isTold: true });
      if (isOver || one.isTold !== true) this.#tellStart(one, isOver ? "slowStartEnded" : "slowStartBegun");
    }
    this.#become({ servers, services, starting });
  }

  /** A service that is in the configuration no more. */
  #leave(
    service: VirtualService,
    to: {
      readonly after: readonly VirtualService[];
      readonly services: Map<string, LeavingServer>;
      readonly servers: Map<string, LeavingServer>;
    },
  ): void {
    const identity = identityOf(service);
    const isInTheWay = to.after.some(({ match }) => isOverlapping(match, service.match));
    if (isInTheWay || drainMsOf(service) === 0) {
      to.services.delete(identity);
      for (const [name, one] of to.servers) if (identityOf(one.service) === identity) to.servers.delete(name);
      return;
    }
    if (to.services.has(identity)) return;
    const quiesced = { ...service, servers: service.servers.map((server) => ({ ...server, weight: 0 })) };
    to.services.set(identity, { service: quiesced, until: this.#options.now() + drainMsOf(service) });
  }

  /** A service that becomes another. */
  #change(
    before: VirtualService,
    after: VirtualService,
    to: { readonly servers: Map<string, LeavingServer>; readonly starting: Map<string, Starting> },
  ): void {
    const identity = identityOf(after);
    const now = this.#options.now();
    const known = new Map(before.servers.map((server) => [endpointOf(server), server]));
    const stays = new Set(after.servers.map(endpointOf));
    for (const [endpoint, server] of known) {
      const name = nameOf(identity, endpoint);
      if (stays.has(endpoint)) continue;
      to.starting.delete(name);
      const mayDrainMs = serverDrainMs(server, after);
      if (mayDrainMs === 0) continue;
      const service = { ...before, servers: [{ ...server, weight: 0 }] };
      if (!to.servers.has(name)) to.servers.set(name, { service, until: now + mayDrainMs });
    }
    for (const server of after.servers) {
      const endpoint = endpointOf(server);
      const name = nameOf(identity, endpoint);
      const isLeaving = to.servers.delete(name);
      const was = isLeaving ? 0 : (known.get(endpoint)?.weight ?? 0);
      const running = to.starting.get(name);
      if (server.weight < 2 || !after.slowStartMs) to.starting.delete(name);
      else if (running !== undefined) to.starting.set(name, { ...running, weight: server.weight });
      else if (was === 0) to.starting.set(...this.#starter(after, endpoint, server.weight));
    }
  }

  #starter(service: VirtualService, endpoint: string, weight: number): [string, Starting] {
    const identity = identityOf(service);
    const since = this.#options.now();
    return [
      nameOf(identity, endpoint),
      {
        ...{ service: identity, serviceName: service.name },
        ...{ endpoint, weight, since, durationMs: service.slowStartMs ?? 0 },
      },
    ];
  }

  #tellStart(one: Starting, event: "slowStartBegun" | "slowStartEnded"): void {
    const { serviceName: service, endpoint: server, weight, durationMs: withinMs } = one;
    const what =
      event === "slowStartEnded"
        ? `has its weight ${weight}`
        : `begins with weight ${this.#weightOf(one)} of ${weight}, and has it whole in ${withinMs / 1000} s`;
    this.#options.report(`${service}: server ${server} ${what}`, {
      ...{ event, cause: "slowStart", service, server, withinMs },
    });
  }

  #isOver({ service, until }: LeavingServer, now: number, what: "server" | "service"): boolean {
    const identity = identityOf(service);
    const left = service.servers.reduce(
      (sum, server) => sum + this.#options.connectionsOf(identity, endpointOf(server)),
      0,
    );
    if (left > 0 && now < until) return false;
    const servers = service.servers.map(endpointOf).join(", ");
    const name = what === "service" ? `service ${service.name}` : `server ${servers} of ${service.name}`;
    const why =
      left === 0
        ? "it has no connections"
        : `its time to drain is up: ${left} ${left === 1 ? "connection is" : "connections are"} cut`;
    this.#options.report(`${name} is removed: ${why}`, {
      ...{ event: "drained", level: left === 0 ? "info" : "warning", cause: "drain", service: service.name },
      ...(what === "server" && { server: servers }),
      connections: left,
    });
    return true;
  }

  /** Makes these what there is, and says the differences to the overlay. */
  #become(next: {
    readonly servers: ReadonlyMap<string, LeavingServer>;
    readonly services: ReadonlyMap<string, LeavingServer>;
    readonly starting: ReadonlyMap<string, Starting>;
  }): void {
    const { overlay, onLeaving } = this.#options;
    for (const [name, { service }] of this.#servers) {
      if (!next.servers.has(name)) say(overlay, service, undefined);
    }
    for (const { service } of next.servers.values()) say(overlay, service, "leaves");
    for (const [name, { service, endpoint }] of this.#starting) {
      if (!next.starting.has(name)) overlay.set("slowStart", service, endpoint, undefined);
    }
    for (const one of next.starting.values()) {
      overlay.set("slowStart", one.service, one.endpoint, { weight: this.#weightOf(one) });
    }
    const isOther = !isSameKeys(this.#servers, next.servers) || !isSameKeys(this.#services, next.services);
    if (!isSameKeys(this.#services, next.services)) overlay.announce();
    this.#servers = next.servers;
    this.#services = next.services;
    this.#starting = next.starting;
    if (isOther) onLeaving?.();
  }

  /** A tenth of its weight at first, at least 1; the whole when the time is up. */
  #weightOf({ weight, since, durationMs }: Starting): number {
    const step = Math.max(1, Math.floor(((this.#options.now() - since) / durationMs) * STEPS));
    return Math.min(weight, Math.max(1, Math.floor((weight * step) / STEPS)));
  }
}

function say(overlay: Overlay, service: VirtualService, leaves: "leaves" | undefined): void {
  const [server] = service.servers;
  if (server === undefined) return;
  const override = leaves && { weight: 0, adds: server };
  overlay.set("drain", identityOf(service), endpointOf(server), override);
}

function nameOf(service: string, endpoint: string): string {
  return `${service} ${endpoint}`;
}

function isSameKeys(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}
