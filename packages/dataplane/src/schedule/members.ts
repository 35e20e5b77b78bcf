// The ordered list of a service's destinations, as schedulers walk over it.

import {
  type Fields,
  type Initial,
  type Int,
  list,
  loop,
  pointer,
  type Reference,
  returnValue,
  stack,
  type StagedOf,
  struct,
} from "@yardmaster/ebpf";
import { type BalancerMaps, Member } from "../schema.ts";
import type { BalancerShape } from "../shape.ts";
import type { MemberList } from "./scheduler.ts";

/** The type of a service's list. */
export function memberListType(shape: BalancerShape) {
  return list(Member, shape.maximumMembers);
}

/** The members as a scheduler sees them. `members` is the list in the map, `count` how many count. */
export function memberList(
  maps: BalancerMaps,
  shape: BalancerShape,
  members: StagedOf<ReturnType<typeof memberListType>>,
  count: Int<"u32">,
): MemberList {
  return {
    count,
    walk(name, times, fields, initial, body) {
      const state = struct(name, { ...fields, members: pointer(memberListType(shape)) });
      const content = { ...initial, members } as unknown as Initial<typeof state.fields>;
      const inFrame = stack(state, content, { share: "walk" });
      loop(name, times, state, inFrame, (round, inside) => {
        body({
          round,
          state: inside as unknown as Reference<typeof fields>,
          at: (index) => membersOf(inside).masked(index),
          load: (destination) => maps.loads.lookup(destination).orReturn(1),
          stop: () => returnValue(1),
          next: () => returnValue(0),
        });
      });
      return inFrame as unknown as Reference<typeof fields>;
    },
  };

  function membersOf<F extends Fields>(state: Reference<F>) {
    return (state as unknown as { members: StagedOf<ReturnType<typeof memberListType>> }).members;
  }
}
