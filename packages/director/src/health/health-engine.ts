// All checks of a configuration: each runs once however many services ask for it, and whoever asked hears when a server
// goes down or comes back. It knows nothing of what follows from that (verdicts.ts, health-keeper.ts).
import type { CheckStatus } from "../api/types.ts";
import { type HealthCheck, probeText } from "../model/check.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { endpointOf, identityOf } from "../live/service.ts";
import { type Probe, probeOf } from "../probes/probe.ts";
import { beginOf } from "./begin.ts";
import { CheckRun } from "./check-run.ts";
import { checksOf } from "./checks-of.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Begin, Target } from "./exchange.ts";
import { beginThrough, type Dial } from "./through.ts";

/** A server went down or came back for a service. */
export interface HealthChange {
  /** Its identity (live/service.ts). */
  readonly service: string;
  readonly endpoint: string;
  readonly isUp: boolean;
  /** `tcp: ECONNREFUSED`. */
  readonly reason: string;
}

/** What the engine is made with. */
export interface HealthEngineOptions {
  readonly onChange: (change: HealthChange) => void;
  readonly clock?: Clock;
  /** What does a probe; tests put their own. */
  readonly beginOf?: (probe: HealthCheck["probe"]) => Begin;
  /** How a check gets into the data plane; default: it cannot. */
  readonly dialOf?: (probe: Probe) => Dial;
}

/** A check at work, and for whom. */
interface Shared {
  readonly check: HealthCheck;
  readonly target: Target;
  readonly run: CheckRun;
  readonly subjects: Set<Subject>;
}

/** A server as one service uses it. */
interface Subject {
  readonly service: string;
  readonly serviceName: string;
  readonly endpoint: string;
  readonly shared: Set<Shared>;
  /** What was last said of it. */
  isUp: boolean;
}

/** Where a check goes: the server's own address and port, and what is probed where it goes through the data plane. */
interface Where {
  readonly target: Target;
  readonly probe: Probe | undefined;
}

const noWay = (): Dial => ({ problem: "nothing here forwards checks" });

/** Runs checks until it is disposed. */
export class HealthEngine implements Disposable {
  readonly #onChange: HealthEngineOptions["onChange"];
  readonly #clock: Clock;
  readonly #beginOf: NonNullable<HealthEngineOptions["beginOf"]>;
  readonly #dialOf: NonNullable<HealthEngineOptions["dialOf"]>;
  /** By what is checked where, and how. */
  readonly #runs = new Map<string, Shared>();
  /** By service and endpoint. */
  #subjects = new Map<string, Subject>();

  constructor({ onChange, clock = systemClock, beginOf: begin = beginOf, dialOf = noWay }: HealthEngineOptions) {
    this.#onChange = onChange;
    this.#clock = clock;
    this.#beginOf = begin;
    this.#dialOf = dialOf;
  }

  /** Checks these from now on. What was checked before in the same way goes on with what is known of it. */
  update(services: readonly VirtualService[]): void {
    const former = this.#subjects;
    this.#subjects = new Map();
    const before = new Set(this.#runs.values());
    for (const shared of before) shared.subjects.clear();
    for (const service of services) {
      for (const server of service.servers) this.#add(service, server, former);
    }
    for (const [key, shared] of this.#runs) {
      if (shared.subjects.size > 0) continue;
      shared.run[Symbol.dispose]();
      this.#runs.delete(key);
    }
    // A check that is shared may know already.
    for (const subject of this.#subjects.values()) this.#tell(subject, "its check says so already");
  }

  /** Whether all checks of a server are good; true where there are none. */
  isUp(service: string, endpoint: string): boolean {
    return this.#subjects.get(`${service} ${endpoint}`)?.isUp ?? true;
  }

  /** All checks with their last exchanges, in no promised order. */
  snapshot(): CheckStatus[] {
    return [...this.#runs.values()].map(({ check, target, run, subjects }) => ({
      check: probeText(check.probe),
      via: check.via,
      address: target.address,
      port: target.port,
      servers: [...subjects].map(({ serviceName, endpoint }) => ({ service: serviceName, server: endpoint })),
      isUp: run.isUp,
      against: run.streak.against,
      ...{ intervalMs: check.intervalMs, timeoutMs: check.timeoutMs, rise: check.rise, fall: check.fall },
      exchanges: [...run.exchanges],
    }));
  }

  [Symbol.dispose](): void {
    this.update([]);
  }

  #add(service: VirtualService, server: Destination, former: ReadonlyMap<string, Subject>): void {
    const checks = checksOf(service, server);
    if (checks.length === 0) return;
    const identity = identityOf(service);
    const endpoint = endpointOf(server);
    const key = `${identity} ${endpoint}`;
    const subject: Subject = {
      ...{ service: identity, serviceName: service.name, endpoint },
      shared: new Set(),
      isUp: former.get(key)?.isUp ?? true,
    };
    this.#subjects.set(key, subject);
    for (const check of checks) {
      const shared = this.#share(check, {
        target: { address: server.address, port: check.port ?? server.port },
        probe: probeOf(service, server, check),
      });
      shared.subjects.add(subject);
      subject.shared.add(shared);
    }
  }

  #share(check: HealthCheck, { target, probe }: Where): Shared {
    const dial = probe && this.#dialOf(probe);
    const key = JSON.stringify([target.address, target.port, dial, { ...check, port: undefined }]);
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const subjects = new Set<Subject>();
    const plain = this.#beginOf(check.probe);
    const run = new CheckRun({
      ...{ check, clock: this.#clock, target: probe?.authority ?? target },
      begin: dial === undefined ? plain : beginThrough(plain, dial),
      onChange: (reason) => {
        for (const subject of subjects) this.#tell(subject, `${probeText(check.probe)}: ${reason}`);
      },
    });
    const shared = { check, target, run, subjects };
    this.#runs.set(key, shared);
    return shared;
  }

  #tell(subject: Subject, reason: string): void {
    const isUp = [...subject.shared].every(({ run }) => run.isUp);
    if (isUp === subject.isUp) return;
    subject.isUp = isUp;
    const { service, endpoint } = subject;
    this.#onChange({ service, endpoint, isUp, reason });
  }
}
