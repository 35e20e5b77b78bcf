// The ordered list of a service's destinations, as schedulers walk over it.

import {
  type Fields,
  type Initial,
  loop,
  pointer,
  type Reference,
  returnValue,
  stack,
  struct,
  u32,
} from "@yardmaster/ebpf";
import type { BalancerMaps, Load, ServiceFields } from "../schema.ts";
import { type BalancerShape, hasFeature } from "../shape.ts";
import type { MemberList } from "./scheduler.ts";

/** Whether a destination has reached its upper threshold. */
export function isOverloaded(shape: BalancerShape, load: Reference<typeof Load.fields>) {
  return hasFeature(shape, "thresholds") ? load.overloaded.ne(0) : u32(0).ne(0);
}

/** The members of a service as a scheduler sees them. */
export function memberList(maps: BalancerMaps, shape: BalancerShape, service: Reference<ServiceFields>): MemberList {
  return {
    count: service.memberCount,
    listedCount: service.listedCount,
    walk(name, times, fields, initial, body) {
      const state = struct(name, { ...fields, service: pointer(maps.Service) });
      const content = { ...initial, service } as unknown as Initial<typeof state.fields>;
      const inFrame = stack(state, content, { share: "walk" });
      loop(name, times, state, inFrame, (round, inside) => {
        body({
          round,
          state: inside as unknown as Reference<typeof fields>,
          at: (index) => serviceOf(inside).members.masked(index),
          load: (destination) => maps.loads.lookup(destination).orReturn(1),
          isOverloaded: (load) => isOverloaded(shape, load),
          stop: () => returnValue(1),
          next: () => returnValue(0),
        });
      });
      return inFrame as unknown as Reference<typeof fields>;
    },
  };

  function serviceOf<F extends Fields>(state: Reference<F>) {
    return (state as unknown as { service: Reference<ServiceFields> }).service;
  }
}
