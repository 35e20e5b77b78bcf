// lc, wlc, sed, nq, fo, ovf, twos: by connections and weights, without a memory.

import { type Choice, type CostOf, leastFor, type TwinServer, usable } from "./server.ts";

export function pickLc(list: readonly TwinServer[], cost: CostOf): Choice {
  return leastFor(list.filter(usable), cost, () => 1);
}

export function pickWlc(list: readonly TwinServer[], cost: CostOf): Choice {
  return leastFor(list.filter(usable), cost);
}

export function pickSed(list: readonly TwinServer[]): Choice {
  return leastFor(list.filter(usable), ({ active }) => BigInt(active + 1));
}

export function pickNq(list: readonly TwinServer[]): Choice {
  return list.filter(usable).find(({ active }) => active === 0) ?? pickSed(list);
}

export function pickFo(list: readonly TwinServer[]): Choice {
  const able = list.filter(usable);
  const largest = Math.max(...able.map(({ weight }) => weight));
  return able.find(({ weight }) => weight === largest);
}

export function pickOvf(list: readonly TwinServer[]): Choice {
  return pickFo(list.filter(({ active, weight }) => active <= weight));
}

/** `draw` gives the next random 32-bit number. */
export function pickTwos(list: readonly TwinServer[], cost: CostOf, draw: () => number): Choice {
  const able = list.filter(usable);
  const total = able.reduce((sum, { weight }) => sum + weight, 0);
  const numbers = [draw() % (total + 1), draw() % (total + 1)];
  const [first, second] = numbers.map((number) => {
    let sum = 0;
    return able.find(({ weight }) => (sum += weight) >= number);
  });
  if (first === undefined || second === undefined) return undefined;
  return cost(second) * BigInt(first.weight) < cost(first) * BigInt(second.weight) ? second : first;
}
