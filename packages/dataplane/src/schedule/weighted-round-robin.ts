// wrr: rounds over the list at falling weight levels; at each level the destinations that reach it.
// The rule and its arithmetic: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_wrr.c.

import { choose, type Int, u32, variable, when } from "@yardmaster/ebpf";
import { movePosition } from "./position.ts";
import { type ListedMember, NO_DESTINATION, type Scheduler, type Scheduling } from "./scheduler.ts";

/** Greatest common divisor of the positive weights, 1 if there are none. */
export function weightDivisor(members: readonly Pick<ListedMember, "weight">[]): number {
  const divisor = members.reduce((known, { weight }) => greatestCommonDivisor(known, weight), 0);
  return Math.max(divisor, 1);
}

/** The level that a round starts on: max weight − (divisor − 1); 0 where no weight is positive. */
export function highestLevel(members: readonly Pick<ListedMember, "weight">[]): number {
  const largest = Math.max(0, ...members.map(({ weight }) => weight));
  return largest === 0 ? 0 : largest - (weightDivisor(members) - 1);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Weighted round robin. Position: index to look at next in the low half, level in the high half. */
export const weightedRoundRobin: Scheduler = {
  name: "wrr",
  code: 1,
  start: (members) => BigInt(highestLevel(members)) << 32n,
  choose({ maps, members, service }: Scheduling): Int<"u32"> {
    const before = service.position;
    const level = before.shr(32).toU32();
    // 0 is no level yet; one from before the weights fell is too far above them to walk down from.
    const isOutside = level.sub(1).ge(service.highestLevel);
    const state = { count: u32, highest: u32, divisor: u32, index: u32, level: u32, chosen: u32 };
    const start = {
      count: members.count,
      highest: service.highestLevel,
      divisor: service.weightDivisor,
      index: before.toU32(),
      level: choose(isOutside, service.highestLevel, level),
      chosen: NO_DESTINATION,
    };
    // A level always admits the heaviest, so the end of one round and the whole of the next suffice.
    const end = members.walk("walk_wrr", members.count.shl(1), state, start, (walk) => {
      const index = variable(walk.state.index);
      when(index.get().ge(walk.state.count), () => {
        index.set(u32(0));
        const { level, divisor } = walk.state;
        walk.state.level = choose(level.le(divisor), walk.state.highest, level.sub(divisor));
      });
      walk.state.index = index.get().add(1);
      const member = walk.at(index.get());
      const { weight } = member;
      when(weight.ge(walk.state.level).and(weight.ne(0)), () => {
        walk.state.chosen = member.destination;
        walk.stop();
      });
    });
    const chosen = end.chosen;
    when(chosen.ne(NO_DESTINATION), () => {
      const after = end.level.toU64().shl(32).or(end.index);
      movePosition(maps, service, before, after);
    });
    return chosen;
  },
};
