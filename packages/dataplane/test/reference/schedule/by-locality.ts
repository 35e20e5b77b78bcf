// lblc and lblcr: what they remember of the addresses that clients write to.

import { pickWlc } from "./by-cost.ts";
import { type Choice, type CostOf, leastFor, type TwinAsk, type TwinServer, usable } from "./server.ts";

function crowded(d: TwinServer, list: readonly TwinServer[]): boolean {
  return d.active > d.weight && list.some((x) => 2 * x.active < x.weight);
}

export type LblcMemory = Map<string, TwinServer>;

export function pickLblc(list: readonly TwinServer[], cost: CostOf, ask: TwinAsk, memory: LblcMemory): Choice {
  const known = memory.get(ask.destination);
  if (known?.isAvailable === true && known.weight > 0 && !crowded(known, list)) return known;
  const chosen = pickWlc(list, cost);
  if (chosen !== undefined) memory.set(ask.destination, chosen);
  return chosen;
}

/** The newest first. */
export interface ServerSet {
  members: TwinServer[];
  changed: number;
}
export type LblcrMemory = Map<string, ServerSet>;

export interface LblcrInput {
  readonly list: readonly TwinServer[];
  readonly cost: CostOf;
  /** lblcr_expiration, in ticks. */
  readonly expiration: number;
}

export function pickLblcr({ list, cost, expiration }: LblcrInput, ask: TwinAsk, memory: LblcrMemory): Choice {
  const known = memory.get(ask.destination);
  if (known === undefined) {
    const first = pickWlc(list, cost);
    if (first !== undefined) memory.set(ask.destination, { members: [first], changed: ask.now });
    return first;
  }
  const least = leastFor(known.members.filter(usable), cost);
  if (known.members.length > 1 && ask.now > known.changed + expiration) {
    const greatest = greatestFor(known.members, cost);
    if (greatest !== undefined) {
      known.members = known.members.filter((member) => member !== greatest);
      known.changed = ask.now;
    }
  }
  if (least !== undefined && !crowded(least, list)) return least;
  const chosen = pickWlc(list, cost);
  if (chosen !== undefined && !known.members.includes(chosen)) {
    known.members = [chosen, ...known.members];
    known.changed = ask.now;
  }
  return chosen;
}

function greatestFor(members: readonly TwinServer[], cost: CostOf): Choice {
  let greatest: Choice;
  for (const d of members.filter(({ weight }) => weight > 0)) {
    if (greatest === undefined || cost(d) * BigInt(greatest.weight) > cost(greatest) * BigInt(d.weight)) greatest = d;
  }
  return greatest;
}
