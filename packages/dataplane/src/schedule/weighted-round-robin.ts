// wrr: rounds over the list at falling weight levels; at each level the destinations that reach it.
// The rule and its arithmetic: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_wrr.c.

import { choose, type Int, type Reference, u32, variable, when } from "@yardmaster/ebpf";
import type { ServiceFields } from "../schema.ts";
import { movePosition } from "./position.ts";
import { type ListChange, NO_DESTINATION, type Scheduler } from "./scheduler.ts";
import type { MemberList, MemberWalk, Scheduling } from "./scheduling.ts";
import { highestLevel, weightDivisor } from "./weights.ts";

/**
 * Weighted round robin. Position: in the low half one more than the index of the member chosen last, 0 at the head of
 * the list; in the high half the level.
 */
export const weightedRoundRobin: Scheduler = {
  name: "wrr",
  code: 1,
  start: (members) => BigInt(highestLevel(members)) << 32n,
  moved,
  choose({ maps, members, service }: Scheduling): Int<"u32"> {
    const before = service.position;
    const { highestLevel: highest, weightDivisor: divisor } = service;
    const start = variable(before.toU32());
    when(start.get().gt(members.count), () => start.set(members.count));
    // 0 is no level yet; one from before the weights fell is above all of them.
    const level = variable(before.shr(32).toU32());
    when(level.get().sub(1).ge(highest), () => level.set(highest));
    const isLastLevel = level.get().le(divisor);
    const next = choose(isLastLevel, highest, level.get().sub(divisor));
    const end = walk(members, { start: start.get(), level: level.get(), next }, isLastLevel);
    const { chosen } = end;
    const after = variable(end.reached.toU64().shl(32).or(end.after));
    when(chosen.eq(NO_DESTINATION), () => after.set(afterNothing(service, start.get(), level.get())));
    when(highest.ne(0), () => movePosition(maps, service, before, after.get()));
    return chosen;
  },
};

const State = { start: u32, level: u32, next: u32, chosen: u32, after: u32, reached: u32 };

/**
 * Looks at the members behind `start` on `level`, then at all of them on the levels from `next` down. Levels are not
 * walked down one by one, which might be 65,535 rounds: each member says on which of them it would be taken, and the
 * first of those on the highest is it.
 */
function walk(
  members: MemberList,
  from: { readonly start: Int<"u32">; readonly level: Int<"u32">; readonly next: Int<"u32"> },
  isLastLevel: ReturnType<Int["eq"]>,
) {
  const rounds = variable(members.count.shl(1).sub(from.start));
  // From the head, the last level was for all of them.
  when(isLastLevel.and(from.start.eq(0)), () => rounds.set(members.count));
  const initial = { ...from, chosen: NO_DESTINATION, after: 0, reached: 0 };
  return members.walk("walk_wrr", rounds.get(), State, initial, (walk) => {
    const { state, service } = walk;
    const index = variable(state.start.add(walk.round));
    const level = variable(state.level);
    const isAgain = variable(u32(0));
    when(index.get().ge(service.memberCount), () => {
      index.set(index.get().sub(service.memberCount));
      level.set(state.next);
      isAgain.set(u32(1));
    });
    const member = walk.at(index.get());
    when(walk.takes(member).not(), () => walk.next());
    const { weight } = member;
    when(weight.ge(level.get()), () => {
      take(walk, index.get(), level.get());
      walk.stop();
    });
    when(isAgain.get().ne(0), () => {
      const divisor = service.weightDivisor;
      const levelsDown = level.get().sub(weight).add(divisor).sub(1).div(divisor);
      const reached = level.get().sub(levelsDown.mul(divisor));
      when(reached.gt(state.reached), () => take(walk, index.get(), reached));
    });
  });
}

function take({ state, at }: MemberWalk<typeof State>, index: Int<"u32">, level: Int<"u32">): void {
  state.chosen = at(index).destination;
  state.after = index.add(1);
  state.reached = level;
}

/**
 * Where it stands when nobody could be chosen. IPVS comes to the end of the list and begins on the highest level, but
 * from within the list on the last level it goes round once more to where it began.
 */
function afterNothing(service: Reference<ServiceFields>, start: Int<"u32">, level: Int<"u32">): Int<"u64"> {
  const { highestLevel: highest, weightDivisor: divisor } = service;
  const after = variable(highest.toU64().shl(32));
  when(start.ne(0).and(level.le(divisor)), () => {
    const lastLevel = highest.sub(1).mod(divisor).add(1);
    after.set(lastLevel.toU64().shl(32).or(start));
  });
  return after.get();
}

/** Any change of the list puts it to the head, on a level that the weights have. */
function moved(position: bigint, { after }: ListChange): bigint {
  const level = position >> 32n;
  const divisor = BigInt(weightDivisor(after));
  const highest = BigInt(highestLevel(after));
  if (level > highest || level === 0n) return highest << 32n;
  return (divisor > 1n ? (level / divisor) * divisor + 1n : level) << 32n;
}
