// What every scheduler is: what it computes ahead, and the few lines that choose for one connection.

import type { Fields, Initial, Int, Reference } from "@yardmaster/ebpf";
import type { BalancerMaps, FlowKey, Load, Member, Position, Service } from "../schema.ts";
import type { BalancerShape } from "../shape.ts";

/** LVS's names, as the configuration has them. */
export type SchedulerName = "rr" | "wrr" | "sh" | "wlc";

/** What `choose` returns where no destination can take the connection. */
export const NO_DESTINATION = 0xffff_ffff;

/** One destination as control-plane code sees it, in list order. */
export interface WeightedMember {
  /** Index of the destination. */
  readonly destination: number;
  readonly weight: number;
}

/** What a scheduler may look at and change for one new connection. */
export interface Scheduling {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly serviceIndex: Int<"u32">;
  readonly service: Reference<typeof Service.fields>;
  /** The client's flow. */
  readonly flow: Reference<typeof FlowKey.fields>;
  readonly now: Int<"u32">;
  readonly members: MemberList;
  /** Where the scheduler stands with this service. */
  readonly position: Reference<typeof Position.fields>;
  /** The service's table; gives NO_DESTINATION where it has no such slot. */
  slot(index: Int<"u32">): Int<"u32">;
}

/** The destinations of the service in list order; order decides ties. */
export interface MemberList {
  readonly count: Int<"u32">;
  /**
   * Runs `body` up to `times` times, in a function of its own called `name`: it sees no staged value of
   * `choose` but the fields of `state`, which begins as `initial` and is the result.
   */
  walk<F extends Fields>(
    name: string,
    times: Int<"u32">,
    state: F,
    initial: Initial<F>,
    body: (walk: Walk<F>) => void,
  ): Reference<F>;
}

/** Inside a walk over the members. */
export interface Walk<F extends Fields> {
  /** Which round this is, from 0. */
  readonly round: Int<"u32">;
  readonly state: Reference<F>;
  /** Member at an index below the number of members. */
  at(index: Int<"u32">): Reference<typeof Member.fields>;
  /** Counts of a destination. */
  load(destination: Int<"u32">): Reference<typeof Load.fields>;
  /** Ends the walk. */
  stop(): void;
  /** Goes on with the next round. */
  next(): void;
}

/** A scheduler: both halves side by side. */
export interface Scheduler {
  readonly name: SchedulerName;
  /** Its number in the services map. */
  readonly code: number;
  /**
   * What is computed ahead for a service: the content of its table, destination indexes by slot.
   * Undefined for schedulers without a table.
   */
  readonly table?: (members: readonly WeightedMember[]) => Uint32Array;
  /** The position that a fresh service starts from. */
  readonly start?: (members: readonly WeightedMember[]) => bigint;
  /** Chooses for a new connection: index of a destination, or NO_DESTINATION. */
  readonly choose: (scheduling: Scheduling) => Int<"u32">;
}
