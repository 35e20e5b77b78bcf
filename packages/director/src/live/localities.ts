// What lblc and lblcr remember of addresses, as the control plane tends it: old entries go, and all that a service
// knows when its scheduler is another or it is removed.

import type { Locality, LocalityKey, LocalityMember, LocalityMemberKey } from "@yardmaster/dataplane";
import type { BpfMap, JsOf } from "@yardmaster/ebpf";
import type { LiveMaps } from "../kernel/live-maps.ts";
import { CHECK_SECONDS, type CheckState, checkLocalities, firstCheck } from "./locality-expiry.ts";
import { ticksSince } from "./ticks.ts";

type Entries = BpfMap<JsOf<typeof LocalityKey>, JsOf<typeof Locality>>;
type Members = BpfMap<JsOf<typeof LocalityMemberKey>, JsOf<typeof LocalityMember>>;
type Entry = readonly [key: JsOf<typeof LocalityKey>, value: JsOf<typeof Locality>];

/** A service whose scheduler remembers addresses, and after how many seconds it forgets them. */
export interface Remembering {
  readonly index: number;
  readonly expirySeconds: number;
}

interface Timer {
  readonly checkedAt: number;
  readonly state: CheckState;
}

/** The memory of all services. */
export class Localities {
  readonly #entries: Entries;
  readonly #members: Members;
  readonly #ticksPerSecond: number;
  readonly #timers = new Map<number, Timer>();

  constructor({ localities, localityMembers }: LiveMaps, ticksPerSecond: number) {
    this.#entries = localities as Entries;
    this.#members = localityMembers as Members;
    this.#ticksPerSecond = ticksPerSecond;
  }

  /** Forgets all that a service knows. */
  clear(service: number): void {
    this.#timers.delete(service);
    for (const entry of this.#of(service)) this.#delete(entry);
  }

  /** Destinations that something remembers. */
  references(): ReadonlySet<number> {
    const single = [...this.#entries.entries()].map(([, { destination }]) => destination);
    return new Set([...single, ...[...this.#members.entries()].map(([, { destination }]) => destination)]);
  }

  /** Lets old entries go, of each service at its own time. */
  tend(now: number, services: readonly Remembering[]): void {
    for (const { index, expirySeconds } of services) {
      const timer = this.#timers.get(index) ?? { checkedAt: now, state: firstCheck };
      if (ticksSince(timer.checkedAt, now) < this.#period) {
        this.#timers.set(index, timer);
        continue;
      }
      const entries = this.#of(index);
      const idle = entries.map(([, { usedAt }]) => ticksSince(usedAt, now) / this.#ticksPerSecond);
      const { expired, next } = checkLocalities(timer.state, idle, expirySeconds);
      for (const at of expired) this.#delete(entries[at] as Entry);
      this.#timers.set(index, { checkedAt: now, state: next });
    }
  }

  /** Ticks until there is something to tend; undefined: nothing to wait for. */
  ticksUntilDue(now: number): number | undefined {
    const left = [...this.#timers.values()].map(({ checkedAt }) => this.#period - ticksSince(checkedAt, now));
    return left.length === 0 ? undefined : Math.max(0, Math.min(...left));
  }

  get #period(): number {
    return CHECK_SECONDS * this.#ticksPerSecond;
  }

  #of(service: number): readonly Entry[] {
    return [...this.#entries.entries()].filter(([key]) => key.service === service);
  }

  #delete([key, { set, size }]: Entry): void {
    this.#entries.delete(key);
    for (let place = 0; place < size; place++) this.#members.delete({ set, place });
  }
}
