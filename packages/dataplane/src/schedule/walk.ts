// What schedulers look at, and how they go over lists and tables: loops whose bodies are functions of their own
// (docs/decisions/0003).

import {
  type Fields,
  type Initial,
  type Int,
  loop,
  pointer,
  type Reference,
  returnValue,
  stack,
  struct,
  u32,
} from "@yardmaster/ebpf";
import { type BalancerMaps, destinationFlags, type ServiceFields } from "../schema.ts";
import { type BalancerShape, hasFeature } from "../shape.ts";
import type { MemberList, MemberWalk, Readings, Scheduling, Walk } from "./scheduling.ts";

/** The readings in a function that returns `missing` where there is nothing to read. */
export function readings(maps: BalancerMaps, shape: BalancerShape, missing: number): Readings {
  const destination: Readings["destination"] = (index) => maps.destinations.lookup(index).orReturn(missing);
  const load: Readings["load"] = (index) => maps.loads.lookup(index).orReturn(missing);
  const isOverloaded: Readings["isOverloaded"] = (loadOf) =>
    hasFeature(shape, "thresholds") ? loadOf().overloaded.ne(0) : u32(0).ne(0);
  return {
    destination,
    load,
    isOverloaded,
    isUsable(index) {
      const { weight, flags } = destination(index);
      const isListed = flags.and(destinationFlags.removed).eq(0);
      return weight
        .ne(0)
        .and(isListed)
        .and(isOverloaded(() => load(index)).not());
    },
    slot: (service, index) => maps.tables.lookup(service).orReturn(missing).lookup(index).orReturn(missing),
  };
}

/** How one program walks. The states of all walks of a function lie in the same bytes of its frame. */
export function walker(maps: BalancerMaps, shape: BalancerShape): Scheduling["walk"] {
  return <F extends Fields>(
    name: string,
    times: Int<"u32">,
    fields: F,
    initial: Initial<F>,
    body: (walk: Walk<F>) => void,
  ) => {
    const type = struct(name, fields);
    const state = stack(type, initial, { share: "walk" });
    loop(name, times, type, state, (round, inside) => {
      body({
        ...readings(maps, shape, STOP),
        round,
        state: inside,
        stop: () => returnValue(STOP),
        next: () => returnValue(NEXT),
      });
    });
    return state;
  };
}

/** What the body of a loop answers. */
const STOP = 1;
const NEXT = 0;

/** The members of a service as a scheduler sees them. */
export function memberList(
  maps: BalancerMaps,
  walk: Scheduling["walk"],
  service: Reference<ServiceFields>,
): MemberList {
  return {
    // Read where it is asked: a value that lives across walks costs room in the frame.
    get count() {
      return service.memberCount;
    },
    walk<F extends Fields>(
      name: string,
      times: Int<"u32">,
      fields: F,
      initial: Initial<F>,
      body: (walk: MemberWalk<F>) => void,
    ) {
      const state = { ...fields, service: pointer(maps.Service) };
      const content = { ...initial, service } as unknown as Initial<typeof state>;
      const end = walk(name, times, state, content, (inside) => {
        const { service: list } = inside.state as unknown as { service: Reference<ServiceFields> };
        body({
          ...(inside as unknown as Walk<F>),
          service: list,
          at: (index) => list.members.masked(index),
          takes({ weight, destination }) {
            return weight.ne(0).and(inside.isOverloaded(() => inside.load(destination)).not());
          },
        });
      });
      return end as unknown as Reference<F>;
    },
  };
}
