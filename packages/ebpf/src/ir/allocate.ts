// Register allocation: gives every virtual register one of r0–r9 by colouring the graph of what
// must not share, and puts into the frame what finds no room. Calls destroy r0–r5, so what lives
// across one goes to r6–r9 or to the frame.

import { spill } from "./spill.ts";
import { interference, type Interference } from "./interference.ts";
import type { IrFunction } from "./operation.ts";

/** The physical register of each virtual register, by id; undefined where it is never used. */
export type Allocation = readonly (number | undefined)[];

const REGISTERS = 10;
/** Without a reason to prefer another: r1 is left for last of the scratch registers, arguments want it. */
const PREFERENCE = [0, 5, 4, 3, 2, 1, 6, 7, 8, 9];
const MAX_ROUNDS = 24;

/** Allocates registers for `fn`, adding loads and stores of frame slots to it where it must. */
export function allocate(fn: IrFunction): Allocation {
  const unspillable = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const graph = interference(fn);
    const { colours, uncoloured } = colour(graph, unspillable);
    if (uncoloured.length === 0) return colours;
    for (const id of uncoloured) {
      if (unspillable.has(id)) throw new Error(`register allocation of ${fn.name}: no register for a spilled value`);
    }
    for (const id of spill(fn, new Set(uncoloured), graph.neighbours)) unspillable.add(id);
  }
  throw new Error(`register allocation of ${fn.name}: not done after ${MAX_ROUNDS} rounds`);
}

function colour(graph: Interference, unspillable: ReadonlySet<number>) {
  const order = simplify(graph, unspillable);
  const colours: (number | undefined)[] = new Array(graph.size).fill(undefined);
  const uncoloured: number[] = [];
  for (const id of order.reverse()) {
    let taken = graph.forbidden[id] as number;
    for (const neighbour of graph.neighbours[id] as Set<number>) {
      const used = colours[neighbour];
      if (used !== undefined) taken |= 1 << used;
    }
    const free = (register: number | undefined): register is number =>
      register !== undefined && ((taken >> register) & 1) === 0;
    const wanted = [...(graph.wishes[id] ?? []), ...[...(graph.partners[id] ?? [])].map((other) => colours[other])];
    const chosen = wanted.find(free) ?? PREFERENCE.find(free);
    if (chosen === undefined) uncoloured.push(id);
    else colours[id] = chosen;
  }
  return { colours, uncoloured };
}

/** The order in which nodes leave the graph: easy ones first, then the cheapest to keep in the frame. */
function simplify(graph: Interference, unspillable: ReadonlySet<number>): number[] {
  const remaining = new Set<number>(graph.nodes);
  const degree = new Map<number, number>();
  const freedom = (id: number) => REGISTERS - popcount(graph.forbidden[id] as number);
  const easy: number[] = [];
  for (const id of remaining) {
    const count = (graph.neighbours[id] as Set<number>).size;
    degree.set(id, count);
    if (count < freedom(id)) easy.push(id);
  }
  const order: number[] = [];
  const remove = (id: number) => {
    remaining.delete(id);
    order.push(id);
    for (const neighbour of graph.neighbours[id] as Set<number>) {
      if (!remaining.has(neighbour)) continue;
      const before = degree.get(neighbour) as number;
      degree.set(neighbour, before - 1);
      if (before === freedom(neighbour)) easy.push(neighbour);
    }
  };
  while (remaining.size > 0) {
    const next = easy.pop();
    if (next !== undefined) {
      if (remaining.has(next)) remove(next);
      continue;
    }
    let cheapest = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const id of remaining) {
      const price = unspillable.has(id)
        ? Number.MAX_VALUE
        : (graph.cost[id] as number) / ((degree.get(id) as number) + 1);
      if (price < least) {
        least = price;
        cheapest = id;
      }
    }
    remove(cheapest);
  }
  return order;
}

function popcount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
