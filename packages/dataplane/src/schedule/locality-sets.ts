// lblcr's sets of destinations: where the packets of an address go. One CPU changes a set at a time; others go on.

import { atomic, type Fields, type Initial, type Int, type Reference, stack, u32, u64, when } from "@yardmaster/ebpf";
import { type BalancerMaps, destinationFlags, Locality, LocalityMember, NO_SET, Tallies } from "../schema.ts";
import { connectionCost, keepLess, leastFields, nothingYet } from "./least-cost.ts";
import { NO_DESTINATION } from "./scheduler.ts";
import type { Scheduling, Walk } from "./scheduling.ts";

export type LocalityReference = Reference<typeof Locality.fields>;

/** Which set, and how many there are in it. */
const WhichSet = { set: u32, size: u32 };

/** Walks over the members of a set, the one that came last first. */
function overSet<F extends Fields>(
  { maps, walk }: Scheduling,
  { set, size }: LocalityReference,
  over: { readonly name: string; readonly fields: F; readonly initial: Initial<F> },
  body: (inside: Walk<F>, destination: Int<"u32">, place: Int<"u32">) => void,
): Reference<F> {
  type All = F & typeof WhichSet;
  const initial = { ...over.initial, set, size } as unknown as Initial<All>;
  const end = walk<All>(over.name, size, { ...over.fields, ...WhichSet }, initial, (inside) => {
    const state = inside.state as unknown as Reference<typeof WhichSet>;
    const place = state.size.sub(1).sub(inside.round);
    // Absent only while another CPU closes a gap.
    const { destination } = maps.localityMembers.lookup({ set: state.set, place }).orReturn(0);
    body(inside as unknown as Walk<F>, destination, place);
  });
  return end as unknown as Reference<F>;
}

/** The usable member of a set with the least cost for its weight; NO_DESTINATION where there is none. */
export function leastOfSet(scheduling: Scheduling, known: LocalityReference): Int<"u32"> {
  const over = { name: "walk_set", fields: leastFields, initial: nothingYet };
  return overSet(scheduling, known, over, ({ state, next, ...readings }, destination) => {
    const { weight, flags } = readings.destination(destination);
    when(weight.eq(0).or(flags.and(destinationFlags.removed).ne(0)), next);
    const load = readings.load(destination);
    when(
      readings.isOverloaded(() => load),
      next,
    );
    keepLess(state, {
      destination,
      cost: connectionCost(scheduling.shape, load.connections),
      weight: weight.toU64(),
    });
  }).chosen;
}

/** Notes an address, with a set that is empty yet. */
export function createSet({ maps, question }: Scheduling): void {
  const { now, locality } = question;
  const set = nextSet(maps);
  const content = { destination: NO_DESTINATION, usedAt: now, set, size: 0, changedAt: now, isChanging: 0 };
  maps.localities.update(locality, stack(Locality, content, { share: "walk" }), "create");
}

/** The number of a set that nothing is in. */
function nextSet(maps: BalancerMaps): Int<"u32"> {
  return atomic(maps.tallies.value, Tallies, "localitySet").fetchAdd(1);
}

/** Puts a destination that is not yet in a set to its front. Where there is no room for it, the set stays as it is. */
export function growSet(scheduling: Scheduling, known: LocalityReference, destination: Int<"u32">): void {
  const { maps, question } = scheduling;
  whileMine(known, () => {
    // It is lblc that remembered: the service's scheduler was another until now.
    when(known.set.eq(NO_SET), () => (known.set = nextSet(maps)));
    const over = {
      name: "walk_grow",
      fields: { wanted: u32, isMember: u32 },
      initial: { wanted: destination, isMember: 0 },
    };
    const end = overSet(scheduling, known, over, ({ state, stop }, member) => {
      when(member.eq(state.wanted), () => {
        state.isMember = u32(1);
        stop();
      });
    });
    when(end.isMember.eq(0), () => {
      const { set, size } = known;
      const member = stack(LocalityMember, { destination }, { share: "walk" });
      when(maps.localityMembers.update({ set, place: size }, member).eq(0), () => {
        known.size = size.add(1);
        known.changedAt = question.now;
      });
    });
  });
}

/**
 * Takes the member with the greatest cost for its weight out of a set of several: of equals the one that came last.
 * Members of weight 0 stay, removed and overloaded ones count as any.
 */
export function shrinkSet(scheduling: Scheduling, known: LocalityReference): void {
  const { maps, question } = scheduling;
  whileMine(known, () => {
    const place = greatestOfSet(scheduling, known);
    const { set, size } = known;
    when(size.gt(1).and(place.lt(size)), () => {
      closeGap(scheduling, known, place);
      maps.localityMembers.delete({ set, place: size.sub(1) });
      known.size = size.sub(1);
      known.changedAt = question.now;
    });
  });
}

/** Place of the member with the greatest cost for its weight; NO_DESTINATION where all have weight 0. */
function greatestOfSet(scheduling: Scheduling, known: LocalityReference): Int<"u32"> {
  const over = {
    name: "walk_greatest",
    fields: { greatestCost: u64, weightOfGreatest: u64, chosen: u32 },
    initial: { greatestCost: 0n, weightOfGreatest: 1n, chosen: NO_DESTINATION },
  };
  return overSet(scheduling, known, over, ({ state, next, ...readings }, destination, place) => {
    const { weight } = readings.destination(destination);
    when(weight.eq(0), next);
    const cost = connectionCost(scheduling.shape, readings.load(destination).connections);
    const isGreater = state.greatestCost.mul(weight).lt(cost.mul(state.weightOfGreatest));
    when(state.chosen.eq(NO_DESTINATION).or(isGreater), () => {
      state.chosen = place;
      state.greatestCost = cost;
      state.weightOfGreatest = weight.toU64();
    });
  }).chosen;
}

/** Moves the members behind a place one place down. */
function closeGap({ maps, walk }: Scheduling, { set, size }: LocalityReference, place: Int<"u32">): void {
  const rounds = size.sub(1).sub(place);
  walk("walk_gap", rounds, { set: u32, from: u32 }, { set, from: place }, ({ state, round }) => {
    const to = state.from.add(round);
    const behind = maps.localityMembers.lookup({ set: state.set, place: to.add(1) }).orReturn(1);
    const { destination } = behind;
    maps.localityMembers.lookup({ set: state.set, place: to }).then((member) => (member.destination = destination));
  });
}

/** Runs `body` unless another CPU is changing the set: what it finds stays true until it is done. */
function whileMine(known: LocalityReference, body: () => void): void {
  const isMine = atomic(known, Locality, "isChanging").compareExchange(0, 1).eq(0);
  when(isMine, () => {
    body();
    known.isChanging = u32(0);
  });
}
