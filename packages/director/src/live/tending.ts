// What time and the walks over the connections ask of the control plane: removed destinations are forgotten, addresses
// that nobody writes to are, and what was kept for old connections goes when they have gone.

import type { LiveSettings } from "../plan/settings.ts";
import { Localities } from "./localities.ts";
import type { Ground } from "./pool.ts";
import type { ReplyRules } from "./reply-rules.ts";
import type { LiveDestination, LiveService } from "./service.ts";
import { transact } from "./transaction.ts";
import { Trash } from "./trash.ts";
import { Doomed, type FinishedWalk, type Watch } from "./watchlist.ts";

/** What there is to tend. */
export interface Tended {
  readonly services: readonly LiveService[];
  readonly settings: LiveSettings;
  readonly replies: ReplyRules;
}

/** A service of whose removed destinations some are to be forgotten; `removed`: those that are not. */
export interface Forgetting {
  readonly service: LiveService;
  readonly removed: readonly LiveDestination[];
}

/** Keeps the times. */
export class Tending {
  readonly #trash: Trash;
  readonly #localities: Localities;
  readonly #doomed = new Doomed();
  /** Services whose memory a former data plane still writes to. */
  readonly #shared: number[] = [];
  /** Of replies: what the next walk looks for. It has been so for a whole round: no packet is under way. */
  #waiting: ReadonlySet<number> = new Set();

  constructor({ made, ticksPerSecond }: Ground) {
    this.#trash = new Trash(made.live, ticksPerSecond);
    this.#localities = new Localities(made.live, ticksPerSecond);
  }

  /** The connections of a destination that was removed are to end. */
  doom(destination: number): void {
    this.#doomed.add(destination);
  }

  /** A removed destination is back. */
  comeBack(destination: number): void {
    this.#doomed.spare(destination);
    this.#trash.leave(destination);
  }

  /** Forgets where a service's addresses went. */
  forgetAddresses(service: number): void {
    this.#localities.clear(service);
  }

  /** Forgets the same as soon as the former data plane, which goes by it and adds to it, gets no packets any more. */
  forgetAddressesAfterSuccession(service: number): void {
    this.#shared.push(service);
  }

  completeSuccession(): void {
    for (const service of this.#shared.splice(0)) this.forgetAddresses(service);
  }

  /** The next walk is to do something. */
  get isWaiting(): boolean {
    return this.#doomed.size > 0 || this.#waiting.size > 0;
  }

  watch(): Watch {
    return { doomed: this.#doomed.begin(), waiting: this.#waiting };
  }

  /** Does what is due, and says whom to forget. */
  tend(now: number, { services, settings, replies }: Tended, walk?: FinishedWalk): readonly Forgetting[] {
    if (walk !== undefined) this.#finish(walk, replies);
    this.#localities.tend(
      now,
      services.flatMap((service) => remembering(service, settings)),
    );
    const removed = services.flatMap((service) => service.removed.map(({ index }) => index));
    const remembered = once(() => this.#localities.references());
    const expired = new Set(this.#trash.expired(now, removed, (index) => remembered().has(index)));
    this.#waiting = replies.waiting();
    return services.flatMap((service) => {
      const kept = service.removed.filter(({ index }) => !expired.has(index));
      return kept.length === service.removed.length ? [] : [{ service, removed: kept }];
    });
  }

  /** Ticks until there is something to tend; undefined: nothing to wait for. */
  ticksUntilDue(now: number): number | undefined {
    if (this.#doomed.size > 0) return 0;
    const times = [this.#trash.ticksUntilDue(now), this.#localities.ticksUntilDue(now)];
    const known = times.filter((ticks) => ticks !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  #finish({ watch, seen }: FinishedWalk, replies: ReplyRules): void {
    this.#doomed.finish();
    if (watch.waiting.size === 0) return;
    transact((transaction) => {
      replies.settle(transaction, watch.waiting, {
        relies: (destination) => seen.relying.has(destination),
        isAnswered: (destination) => seen.answered.has(destination),
      });
    });
  }
}

function remembering({ index, isListed, definition: { scheduler } }: LiveService, { localityMs }: LiveSettings) {
  if (!isListed || (scheduler !== "lblc" && scheduler !== "lblcr")) return [];
  return [{ index, expirySeconds: localityMs[scheduler] / 1000 }];
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
