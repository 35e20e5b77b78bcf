// What the least-connection schedulers promise of connections that stay open, as a rule over them alone. Short
// connections that came and went in between may decide ties of lc and wlc, nothing else.

/** Schedulers that look at what is open at the moment. */
export const leastConnectionSchedulers = ["lc", "wlc", "sed", "nq"] as const;

/** One of them, by its LVS name. */
export type LeastConnectionScheduler = (typeof leastConnectionSchedulers)[number];

/** Whether a scheduler is one of them. */
export function isLeastConnection(scheduler: string): scheduler is LeastConnectionScheduler {
  return (leastConnectionSchedulers as readonly string[]).includes(scheduler);
}

/** A server with the long connections that it holds. */
export interface Holding {
  /** Above 0. */
  readonly weight: number;
  readonly long: number;
}

type Cost = (server: Holding) => number;
/** Costs that differ by LVS's rules differ as numbers too, and equal ones are equal: each is one division. */
const costs: Readonly<Record<LeastConnectionScheduler, Cost>> = {
  lc: ({ long }) => long,
  wlc: ({ long, weight }) => long / weight,
  sed: ({ long, weight }) => (long + 1) / weight,
  nq: ({ long, weight }) => (long === 0 ? 0 : (long + 1) / weight),
};

/**
 * Which servers, by their place in the list, may take the next long connection (net/netfilter/ipvs/ip_vs_lc.c,
 * ip_vs_wlc.c, ip_vs_sed.c, ip_vs_nq.c). For sed and nq it is one: the first of equals.
 */
export function mayTakeNext(scheduler: LeastConnectionScheduler, servers: readonly Holding[]): readonly number[] {
  const all = servers.map(costs[scheduler]);
  const least = Math.min(...all);
  const cheapest = all.flatMap((cost, index) => (cost === least ? [index] : []));
  // lc and wlc count inactive connections too, for little: what is left of the short ones decides among equals.
  return scheduler === "lc" || scheduler === "wlc" ? cheapest : cheapest.slice(0, 1);
}

/** Where so many long connections stand in the end: by server, the first of equals taken every time. */
export function promisedCounts(
  scheduler: LeastConnectionScheduler,
  weights: readonly number[],
  connections: number,
): readonly number[] {
  const counts = weights.map(() => 0);
  for (let made = 0; made < connections; made++) {
    const [next = 0] = mayTakeNext(scheduler, holdings(weights, counts));
    counts[next] = (counts[next] ?? 0) + 1;
  }
  return counts;
}

/** The first of these choices that the rule does not allow, by its place; undefined when there is none. */
export function firstBroken(
  scheduler: LeastConnectionScheduler,
  weights: readonly number[],
  choices: readonly number[],
): { readonly at: number; readonly allowed: readonly number[] } | undefined {
  const counts = weights.map(() => 0);
  for (const [at, choice] of choices.entries()) {
    const allowed = mayTakeNext(scheduler, holdings(weights, counts));
    if (!allowed.includes(choice)) return { at, allowed };
    counts[choice] = (counts[choice] ?? 0) + 1;
  }
  return undefined;
}

function holdings(weights: readonly number[], counts: readonly number[]): readonly Holding[] {
  return weights.map((weight, index) => ({ weight, long: counts[index] ?? 0 }));
}
