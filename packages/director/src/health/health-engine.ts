// All checks of a configuration: each runs once however many services ask for it, and whoever asked hears when a server
// goes down or comes back. It knows nothing of what follows from that (verdicts.ts, health-keeper.ts).
import { createHash } from "node:crypto";
import type { CheckStatus } from "../api/types.ts";
import { type HealthCheck, probeText } from "../model/check.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { endpointOf, identityOf } from "../live/service.ts";
import { type Probe, probeOf } from "../probes/probe.ts";
import { beginOf } from "./begin.ts";
import { CheckCounts, type CheckTotals } from "./check-counts.ts";
import { CheckRun } from "./check-run.ts";
import { checksOf } from "./checks-of.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Begin, Target } from "./exchange.ts";
import { downBefore } from "./streak.ts";
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

/** What is known of a server. */
export interface ServerVerdict {
  /** Its name. */
  readonly service: string;
  /** Address and port. */
  readonly server: string;
  /** By all of its checks. */
  readonly isUp: boolean;
}

/** What the engine is made with. */
export interface HealthEngineOptions {
  readonly onChange: (change: HealthChange) => void;
  /** Identities of checks that were bad when a director before this one ended. */
  readonly wereDown?: ReadonlySet<string>;
  /** This machine could not ask a server. */
  readonly onUnknown?: (reason: string) => void;
  /** The checks that are bad may be others than before: time to write them down. */
  readonly onVerdict?: () => void;
  readonly clock?: Clock;
  /** What does a probe; tests put their own. */
  readonly beginOf?: (probe: HealthCheck["probe"]) => Begin;
  /** How a check gets into the data plane; default: it cannot. */
  readonly dialOf?: (probe: Probe) => Dial;
}

/** A check at work, and for whom. */
interface Shared {
  /** Of what is checked where, and how: another check has another one. */
  readonly identity: string;
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
  readonly #onVerdict: NonNullable<HealthEngineOptions["onVerdict"]>;
  readonly #onUnknown: NonNullable<HealthEngineOptions["onUnknown"]>;
  readonly #clock: Clock;
  readonly #beginOf: NonNullable<HealthEngineOptions["beginOf"]>;
  readonly #dialOf: NonNullable<HealthEngineOptions["dialOf"]>;
  readonly #counts = new CheckCounts();
  /** By identity. */
  readonly #runs = new Map<string, Shared>();
  /** Of checks that begin with the first configuration; later ones begin as up. */
  #wereDown: ReadonlySet<string>;
  /** By service and endpoint. */
  #subjects = new Map<string, Subject>();

  constructor(options: HealthEngineOptions) {
    this.#onChange = options.onChange;
    this.#onVerdict = options.onVerdict ?? (() => undefined);
    this.#onUnknown = options.onUnknown ?? (() => undefined);
    this.#wereDown = options.wereDown ?? new Set();
    this.#clock = options.clock ?? systemClock;
    this.#beginOf = options.beginOf ?? beginOf;
    this.#dialOf = options.dialOf ?? noWay;
  }

  /** Checks these from now on. What was checked before in the same way goes on with what is known of it. */
  update(services: readonly VirtualService[]): void {
    const former = this.#subjects;
    this.#subjects = new Map();
    const before = new Set(this.#runs.values());
    for (const shared of before) shared.subjects.clear();
    for (const service of services) {
      if (service.health === undefined) continue;
      for (const server of service.servers) this.#add(service, server, former);
    }
    for (const [key, shared] of this.#runs) {
      if (shared.subjects.size > 0) continue;
      shared.run[Symbol.dispose]();
      this.#runs.delete(key);
    }
    // A check that is shared may know already.
    const reason = this.#wereDown.size > 0 ? "as before the restart" : "its check says so already";
    for (const subject of this.#subjects.values()) this.#tell(subject, reason);
    this.#wereDown = new Set();
    this.#onVerdict();
  }

  /** Checks that begin in a second. */
  get perSecond(): number {
    return [...this.#runs.values()].reduce((sum, { check }) => sum + 1000 / check.intervalMs, 0);
  }

  /** Whether all checks of a server are good; true where there are none. */
  isUp(service: string, endpoint: string): boolean {
    return this.#subjects.get(`${service} ${endpoint}`)?.isUp ?? true;
  }

  /** What clients' packets say against a server: its checks are brought forward, where they go by that. */
  hint(service: string, endpoint: string, hint: string): void {
    for (const { check, run } of this.#subjects.get(`${service} ${endpoint}`)?.shared ?? []) {
      if (check.takesHints) run.hint(hint);
    }
  }

  /** What all of them have done so far. */
  get totals(): CheckTotals {
    return this.#counts.totals;
  }

  /** Servers that are checked, as services use them, and whether they are up. */
  verdicts(): ServerVerdict[] {
    return [...this.#subjects.values()].map(({ serviceName, endpoint, isUp }) => ({
      ...{ service: serviceName, server: endpoint, isUp },
    }));
  }

  /** Identities of the checks that are bad. */
  down(): readonly string[] {
    return [...this.#runs.values()].flatMap(({ identity, run }) => (run.isUp ? [] : identity));
  }

  /** All checks with their last exchanges as they come and go, in no promised order. */
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
      exchanges: run.exchanges,
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
    const identity = identityOfCheck(check, target, probe);
    const known = this.#runs.get(identity);
    if (known !== undefined) return known;
    const subjects = new Set<Subject>();
    const plain = this.#beginOf(check.probe);
    const run = new CheckRun({
      ...{
        check,
        clock: this.#clock,
        counts: this.#counts,
        onUnknown: this.#onUnknown,
        target: probe?.authority ?? target,
      },
      begin: probe === undefined ? plain : beginThrough(plain, () => this.#dialOf(probe)),
      first: this.#wereDown.has(identity) ? downBefore : undefined,
      onChange: (reason) => {
        // First, so that it is written down before packets notice.
        this.#onVerdict();
        for (const subject of subjects) this.#tell(subject, `${probeText(check.probe)}: ${reason}`);
      },
    });
    const shared = { identity, check, target, run, subjects };
    this.#runs.set(identity, shared);
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

/** Short, as it is written down for the next director: 128 bits tell checks apart. */
function identityOfCheck(check: HealthCheck, target: Target, probe: Probe | undefined): string {
  const text = JSON.stringify([target.address, target.port, { ...check, port: undefined }, probe?.key]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
