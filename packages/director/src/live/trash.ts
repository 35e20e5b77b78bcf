// Removed destinations: known until nothing has referred to them for two minutes, in case they come back (shared
// behaviour reference §7; IP_VS_DEST_TRASH_PERIOD in net/netfilter/ipvs/ip_vs_ctl.c).

import type { LiveMaps } from "../kernel/live-maps.ts";
import { ticksSince } from "./ticks.ts";

/** Seconds that a removed destination stays when nothing refers to it any more. */
const IDLE_SECONDS = 120;

/** When each removed destination was last seen in use. */
export class Trash {
  readonly #loads: LiveMaps["loads"];
  readonly #ticksPerSecond: number;
  /** By index: the tick from which on nothing referred to it. */
  readonly #idleSince = new Map<number, number>();

  constructor({ loads }: LiveMaps, ticksPerSecond: number) {
    this.#loads = loads;
    this.#ticksPerSecond = ticksPerSecond;
  }

  /** Those of the removed destinations that are to be forgotten now; `isRemembered` is asked of few. */
  expired(now: number, removed: readonly number[], isRemembered: (index: number) => boolean): readonly number[] {
    const idle = new Set(removed.filter((index) => !this.#isReferred(index)));
    for (const index of [...this.#idleSince.keys()]) if (!idle.has(index)) this.#idleSince.delete(index);
    return [...idle].filter((index) => {
      const since = this.#idleSince.get(index) ?? now;
      this.#idleSince.set(index, since);
      if (ticksSince(since, now) < this.#period) return false;
      if (!isRemembered(index)) return true;
      this.#idleSince.delete(index);
      return false;
    });
  }

  /** A destination is back. */
  leave(index: number): void {
    this.#idleSince.delete(index);
  }

  /** Ticks until the next is to be forgotten, if nothing refers to it again; undefined: none is idle. */
  ticksUntilDue(now: number): number | undefined {
    const left = [...this.#idleSince.values()].map((since) => this.#period - ticksSince(since, now));
    return left.length === 0 ? undefined : Math.max(0, Math.min(...left));
  }

  get #period(): number {
    return IDLE_SECONDS * this.#ticksPerSecond;
  }

  /** By connections or templates. */
  #isReferred(index: number): boolean {
    const load = this.#loads.lookup(index);
    return load !== undefined && (load.connections !== 0n || load.templates !== 0);
  }
}
