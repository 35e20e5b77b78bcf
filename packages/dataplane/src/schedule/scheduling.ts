// What a scheduler may look at and change for one new connection.

import { type Bool, type Fields, type Initial, type Int, type Reference, struct, u32 } from "@yardmaster/ebpf";
import {
  type BalancerMaps,
  type Destination,
  type Load,
  LocalityKey,
  type Member,
  type ServiceFields,
} from "../schema.ts";
import type { BalancerShape } from "../shape.ts";

export type LoadReference = Reference<typeof Load.fields>;

/** What schedulers may know of a packet that opens a connection. */
export const Question = struct("question", {
  /** Exclusive or of the words of the client's address in host order: the address itself for IPv4. */
  clientFold: u32,
  /** Of TCP and UDP, in host order. */
  clientPort: u32,
  destinationFold: u32,
  /** The current tick. */
  now: u32,
  /** The address that the client wrote to, and the index of the service. */
  locality: LocalityKey,
});

/** One new connection to choose for. */
export interface Scheduling extends Readings {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  /** The service: options, where the scheduler stands (`position`), what was computed ahead. */
  readonly service: Reference<ServiceFields>;
  readonly question: Reference<typeof Question.fields>;
  readonly members: MemberList;
  /**
   * Runs `body` up to `times` times, in a function of its own called `name`: it sees no staged value of `choose` but
   * the fields of `state`, which begins as `initial` and is the result, until the next walk.
   */
  walk<F extends Fields>(
    name: string,
    times: Int<"u32">,
    state: F,
    initial: Initial<F>,
    body: (walk: Walk<F>) => void,
  ): Reference<F>;
}

/** What there is to know of destinations. Where something is missing the function being built returns. */
export interface Readings {
  /** The destination's own record. */
  destination(index: Int<"u32">): Reference<typeof Destination.fields>;
  /** Counts of a destination. */
  load(index: Int<"u32">): LoadReference;
  /** Whether a destination with this load has reached its upper threshold; never, where the shape has none. */
  isOverloaded(load: () => LoadReference): Bool;
  /** Whether a destination takes new connections: it is listed, has a weight, and is not overloaded. */
  isUsable(destination: Int<"u32">): Bool;
  /** What stands in a slot of a service's table. */
  slot(service: Int<"u32">, index: Int<"u32">): Int<"u32">;
}

/** The destinations of the service that may be chosen, in list order; order decides ties. */
export interface MemberList {
  readonly count: Int<"u32">;
  /** As `walk` of a scheduling, over the members. */
  walk<F extends Fields>(
    name: string,
    times: Int<"u32">,
    state: F,
    initial: Initial<F>,
    body: (walk: MemberWalk<F>) => void,
  ): Reference<F>;
}

/** Inside a walk. */
export interface Walk<F extends Fields> extends Readings {
  /** Which round this is, from 0. */
  readonly round: Int<"u32">;
  readonly state: Reference<F>;
  /** Ends the walk. */
  stop(): void;
  /** Goes on with the next round. */
  next(): void;
}

/** Inside a walk over the members. */
export interface MemberWalk<F extends Fields> extends Walk<F> {
  readonly service: Reference<ServiceFields>;
  /** Member at an index below the number of members. */
  at(index: Int<"u32">): Reference<typeof Member.fields>;
  /** Whether a member may be chosen: it has a weight and is not overloaded. */
  takes(member: Reference<typeof Member.fields>): Bool;
}
