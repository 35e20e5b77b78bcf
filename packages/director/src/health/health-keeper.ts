// Checks beside a running director: what they say of servers goes into the overlay, and a line for each change to
// people.
import type { CheckStatus } from "../api/types.ts";
import { expectChecks } from "../engine.ts";
import { identityOf } from "../live/service.ts";
import type { Report } from "../log/report.ts";
import type { VirtualService } from "../model/virtual-service.ts";
import type { CheckTotals } from "./check-counts.ts";
import { type HealthChange, HealthEngine, type HealthEngineOptions, type ServerVerdict } from "./health-engine.ts";
import { Unasked } from "./unasked.ts";
import { type HealthOverride, verdictsOf } from "./verdicts.ts";

/** The part of the overlay (change/overlay.ts) that checks write to. */
export interface HealthOverlay {
  set(source: "health", service: string, endpoint: string, override: HealthOverride): void;
}

/** What a keeper is made with. */
export interface HealthKeeperOptions extends Omit<HealthEngineOptions, "onChange"> {
  readonly overlay: HealthOverlay;
  readonly report: Report;
  /** A server is up again. */
  readonly onUp?: (service: VirtualService, endpoint: string) => void;
}

/** How health stands, in numbers. */
export interface HealthTotals extends CheckTotals {
  readonly servers: readonly ServerVerdict[];
  /** Services that are checked, by name: whether enough of their servers are up. */
  readonly quorate: readonly { readonly service: string; readonly isQuorate: boolean }[];
}

/** A service that is kept, and what was last said of it. */
interface Kept {
  service: VirtualService;
  isQuorate: boolean;
  endpoints: ReadonlySet<string>;
}

/** Keeps the overlay true to what checks say. */
export class HealthKeeper implements Disposable {
  readonly #overlay: HealthOverlay;
  readonly #report: Report;
  readonly #onUp: HealthKeeperOptions["onUp"];
  readonly #engine: HealthEngine;
  readonly #kept = new Map<string, Kept>();

  constructor({ overlay, report, onUp, ...options }: HealthKeeperOptions) {
    this.#overlay = overlay;
    this.#report = report;
    this.#onUp = onUp;
    const unasked = new Unasked(report);
    this.#engine = new HealthEngine({
      ...options,
      onChange: (change) => this.#changed(change),
      onUnknown: (reason) => unasked.add(reason),
    });
  }

  /** Checks these services, as they were asked for: without an overlay. */
  update(services: readonly VirtualService[]): void {
    const wanted = new Map(services.map((service) => [identityOf(service), service]));
    for (const [identity, { endpoints }] of this.#kept) {
      if (wanted.has(identity)) continue;
      this.#forget(identity, endpoints);
      this.#kept.delete(identity);
    }
    for (const [identity, service] of wanted) {
      const known = this.#kept.get(identity);
      if (known === undefined) this.#kept.set(identity, { service, isQuorate: true, endpoints: new Set() });
      else known.service = service;
    }
    this.#engine.update(services);
    expectChecks(this.#engine.perSecond);
    for (const [identity, { endpoints }] of this.#kept) {
      // Of most services nothing was ever said.
      if (endpoints.size > 0 || wanted.get(identity)?.health !== undefined) this.#judge(identity);
    }
  }

  /** All checks with their last exchanges. */
  checks(): readonly CheckStatus[] {
    return this.#engine.snapshot();
  }

  totals(): HealthTotals {
    const checked = [...this.#kept.values()].filter(({ service }) => service.health !== undefined);
    return {
      ...this.#engine.totals,
      servers: this.#engine.verdicts(),
      quorate: checked.map(({ service, isQuorate }) => ({ service: service.name, isQuorate })),
    };
  }

  /** Identities of the checks that are bad. */
  down(): readonly string[] {
    return this.#engine.down();
  }

  /** Clients' packets say something against a server, by identity of its service and endpoint. */
  hint(service: string, endpoint: string, hint: string): void {
    this.#engine.hint(service, endpoint, hint);
  }

  /** Whether a server is up; true where nobody checks it. */
  isUp(service: string, endpoint: string): boolean {
    return this.#engine.isUp(service, endpoint);
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }

  #changed({ service: identity, endpoint, isUp, reason }: HealthChange): void {
    const kept = this.#kept.get(identity);
    if (kept === undefined) return;
    const { name } = kept.service;
    this.#report(`${name}: server ${endpoint} is ${isUp ? "up again" : "down"}: ${reason}`, {
      ...(isUp
        ? ({ event: "serverUp", level: "notice" } as const)
        : ({ event: "serverDown", level: "warning" } as const)),
      ...{ cause: "check", service: name, server: endpoint, reason },
    });
    if (isUp) this.#onUp?.(kept.service, endpoint);
    this.#judge(identity);
  }

  #judge(identity: string): void {
    const kept = this.#kept.get(identity);
    if (kept === undefined) return;
    const { service } = kept;
    const { isQuorate, overrides } = verdictsOf(service, (endpoint) => this.#engine.isUp(identity, endpoint));
    for (const [endpoint, override] of overrides) this.#overlay.set("health", identity, endpoint, override);
    this.#forget(identity, kept.endpoints.difference(new Set(overrides.keys())));
    kept.endpoints = new Set(overrides.keys());
    if (isQuorate === kept.isQuorate) return;
    kept.isQuorate = isQuorate;
    const then = service.servers.some((server) => server.isSorry)
      ? `, the sorry server ${isQuorate ? "rests" : "answers"}`
      : "";
    const { quorum = 1 } = service.health ?? {};
    this.#report(`${service.name}: ${isQuorate ? "enough" : "too few"} servers are up (quorum ${quorum})${then}`, {
      ...(isQuorate
        ? ({ event: "quorumReached", level: "notice" } as const)
        : ({ event: "quorumLost", level: "error" } as const)),
      ...{ cause: "check", service: service.name },
    });
  }

  #forget(identity: string, endpoints: ReadonlySet<string>): void {
    for (const endpoint of endpoints) this.#overlay.set("health", identity, endpoint, undefined);
  }
}
