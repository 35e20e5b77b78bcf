// The reference's schedulers, each as the documentation of LVS's behaviour words it, over plain lists.

import { ipv4ToNumber } from "@yardmaster/packet";
import type { SchedulerName } from "../../src/index.ts";

export interface Server {
  readonly index: number;
  weight: number;
  active: number;
  inactive: number;
}

/** Chooses a server for a new connection of a client, or none. */
export interface Picker {
  pick(client: string): Server | undefined;
  /** Weights have changed. */
  changed(): void;
}

const usable = ({ weight }: Server) => weight > 0;

export const pickers: Readonly<Record<SchedulerName, (list: readonly Server[]) => Picker>> = {
  rr(list) {
    let current = -1;
    return {
      pick() {
        const order = [...list.slice(current + 1), ...list.slice(0, current + 1)];
        const found = order.find(usable);
        if (found !== undefined) current = list.indexOf(found);
        return found;
      },
      changed() {},
    };
  },
  wrr: weightedRoundRobin,
  sh(list) {
    return {
      pick(client) {
        const hash = Number(((BigInt(ipv4ToNumber(client)) * 0x61c88647n) & 0xffff_ffffn) >> 24n);
        const buckets: Server[] = [];
        while (list.length > 0 && buckets.length < 256) {
          for (const server of list) buckets.push(...new Array<Server>(Math.max(server.weight, 1)).fill(server));
        }
        const found = buckets[hash];
        return found !== undefined && usable(found) ? found : undefined;
      },
      changed() {},
    };
  },
  wlc(list) {
    // Our default cost: 256 for an active connection, 1 for an inactive one.
    const cost = ({ active, inactive }: Server) => BigInt(active) * 256n + BigInt(inactive);
    const beats = (a: Server, b: Server) => cost(a) * BigInt(b.weight) < cost(b) * BigInt(a.weight);
    return {
      pick: () =>
        list
          .filter(usable)
          .reduce<Server | undefined>(
            (best, server) => (best === undefined || beats(server, best) ? server : best),
            undefined,
          ),
      changed() {},
    };
  },
};

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The level begins at the top, our default; otherwise LVS's loop, statement by statement. */
function weightedRoundRobin(list: readonly Server[]): Picker {
  let current = -1;
  let level = 0;
  let step = 1;
  let top = 0;
  const changed = () => {
    current = -1;
    step = list.reduce((divisor, { weight }) => gcd(divisor, weight), 0) || 1;
    const largest = Math.max(0, ...list.map(({ weight }) => weight));
    top = largest === 0 ? 0 : largest - (step - 1);
    level = top;
  };
  changed();
  const pick = (): Server | undefined => {
    if (top === 0) return undefined;
    // Two rounds see every level's beginning from every position; the top level admits the heaviest.
    for (let round = 0; round <= 2; round++) {
      const next = list.findIndex(({ weight }, index) => index > current && weight >= level);
      if (next >= 0) {
        current = next;
        return list[next];
      }
      current = -1;
      level -= step;
      if (level <= 0) level = top;
    }
    return undefined;
  };
  return { pick, changed };
}
