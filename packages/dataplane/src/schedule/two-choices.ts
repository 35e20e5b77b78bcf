// twos: two destinations drawn at random, by weight; the one that costs less gets the connection.
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_twos.c.

import { type Int, randomU32, type Reference, u32, variable, when } from "@yardmaster/ebpf";
import type { Member } from "../schema.ts";
import { connectionCost } from "./least-cost.ts";
import { NO_DESTINATION, type Scheduler } from "./scheduler.ts";
import type { Scheduling } from "./scheduling.ts";

/** What is left of each draw, and whom it has come to. */
const State = { left1: u32, left2: u32, choice1: u32, choice2: u32 };
/** Nothing is left: the choice stands. */
const DONE = 0xffff_ffff;

/** Power of two choices. */
export const twoChoices: Scheduler = {
  name: "twos",
  code: 11,
  choose(scheduling: Scheduling): Int<"u32"> {
    const { members, shape, load, destination } = scheduling;
    const total = totalWeight(scheduling);
    const initial = { left1: draw(total), left2: draw(total), choice1: NO_DESTINATION, choice2: NO_DESTINATION };
    const end = members.walk("walk_twos", members.count, State, initial, (walk) => {
      const member = walk.at(walk.round);
      when(walk.takes(member).not(), () => walk.next());
      countDown(walk.state, 1, member);
      countDown(walk.state, 2, member);
      when(walk.state.left1.and(walk.state.left2).eq(DONE), () => walk.stop());
    });
    const { choice1, choice2 } = end;
    const chosen = variable(choice1);
    when(choice1.ne(NO_DESTINATION), () => {
      const cost1 = connectionCost(shape, load(choice1).connections);
      const cost2 = connectionCost(shape, load(choice2).connections);
      const isLess = cost2.mul(destination(choice1).weight).lt(cost1.mul(destination(choice2).weight));
      when(isLess, () => chosen.set(choice2));
    });
    return chosen.get();
  },
};

/** The weights of all usable members. (In 32 bits: the verifier would follow how a wider sum grows, round by round.) */
function totalWeight({ members }: Scheduling): Int<"u32"> {
  const end = members.walk("walk_weights", members.count, { total: u32 }, { total: 0 }, (walk) => {
    const member = walk.at(walk.round);
    when(walk.takes(member), () => (walk.state.total = walk.state.total.add(member.weight)));
  });
  return end.total;
}

/** A number from 0 to `total`, both included. */
function draw(total: Int<"u32">): Int<"u32"> {
  return randomU32().mod(total.add(1));
}

/** A draw comes to the first member at which the sum of the weights reaches it. */
function countDown(
  state: Reference<typeof State>,
  which: 1 | 2,
  { weight, destination }: Reference<typeof Member.fields>,
): void {
  const left = state[`left${which}`];
  when(left.ne(DONE), () => {
    state[`choice${which}`] = destination;
    state[`left${which}`] = left.sub(weight);
    when(left.le(weight), () => (state[`left${which}`] = u32(DONE)));
  });
}
