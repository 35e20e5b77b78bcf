// What every scheduler is: what it computes ahead, and the few lines that choose for one connection.

import type { Bool, Fields, Initial, Int, Reference } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import type { BalancerMaps, Destination, Load, Member, ServiceFields } from "../schema.ts";
import type { BalancerShape } from "../shape.ts";

/** LVS's names, as the configuration has them. */
export const schedulerNames = ["rr", "wrr", "sh", "wlc"] as const;
export type SchedulerName = (typeof schedulerNames)[number];

/** What `choose` returns where no destination can take the connection. */
export const NO_DESTINATION = 0xffff_ffff;

/** Options of schedulers as ipvsadm's `-b` has them; the number is the bit in `options` of a service. */
export const schedulerOptions = { "sh-fallback": 1, "sh-port": 2, "mh-fallback": 1, "mh-port": 2 } as const;
export type SchedulerOption = keyof typeof schedulerOptions;

/** One destination as control-plane code sees it, in list order. */
export interface ListedMember {
  /** Index of the destination. */
  readonly destination: number;
  readonly weight: number;
  /** The last weight above 0, or the weight it was added with. */
  readonly lastWeight: number;
  /** The exclusive or of the address's 32-bit words in host order. */
  readonly addressFold: number;
  readonly port: number;
}

/** What a scheduler may look at and change for one new connection. */
export interface Scheduling {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly serviceIndex: Int<"u32">;
  /** The service: options, where the scheduler stands (`position`), what was computed ahead. */
  readonly service: Reference<ServiceFields>;
  /** The client's flow, folded as IPVS does. */
  readonly flow: FoldedFlow;
  readonly now: Int<"u32">;
  readonly members: MemberList;
  /** The service's table; gives NO_DESTINATION where it has no such slot. */
  slot(index: Int<"u32">): Int<"u32">;
  /** Whether a destination takes new connections: it is listed, has a weight, and is not overloaded. */
  isUsable(destination: Int<"u32">): Bool;
  /** The destination's own record; leaves the scheduler without a choice where there is none. */
  destination(index: Int<"u32">): Reference<typeof Destination.fields>;
  /** Counts of a destination. */
  load(index: Int<"u32">): Reference<typeof Load.fields>;
}

/** The client's flow as schedulers read it. */
export interface FoldedFlow {
  /** Exclusive or of the words of the client's address in host order: the address itself for IPv4. */
  readonly clientFold: Int<"u32">;
  /** Of TCP and UDP, in host order. */
  readonly clientPort: Int<"u32">;
  readonly destinationFold: Int<"u32">;
  /** The address that the client wrote to, four words, the last three 0 for IPv4. */
  readonly destinationAddress: Address;
}

/** The destinations of the service in list order; order decides ties. */
export interface MemberList {
  /** Those that may be chosen. */
  readonly count: Int<"u32">;
  /** With those removed that live on in connections: they stand behind the others. */
  readonly listedCount: Int<"u32">;
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
  /** Whether a destination has reached its upper threshold; never, where the shape has no thresholds. */
  isOverloaded(load: Reference<typeof Load.fields>): Bool;
  /** Ends the walk. */
  stop(): void;
  /** Goes on with the next round. */
  next(): void;
}

/** A change of a service's list, as IPVS tells its schedulers of it. */
export interface ListChange {
  readonly before: readonly ListedMember[];
  readonly after: readonly ListedMember[];
}

/** A scheduler: both halves side by side. */
export interface Scheduler {
  readonly name: SchedulerName;
  /** Its number in services. */
  readonly code: number;
  /** Options that it understands. */
  readonly options?: readonly SchedulerOption[];
  /**
   * What is computed ahead for a service: the content of its table, destination indexes by slot, NO_DESTINATION for
   * members that take nothing. Undefined for schedulers without a table.
   */
  readonly table?: (members: readonly ListedMember[]) => Uint32Array;
  /** The position that a service starts from, with all of its members there at once. Default 0. */
  readonly start?: (members: readonly ListedMember[]) => bigint;
  /**
   * Where the scheduler stands after a change of the list, given where it stood. Default: unchanged. A service whose
   * members are added one by one goes through this for each.
   */
  readonly moved?: (position: bigint, change: ListChange) => bigint;
  /** Chooses for a new connection: index of a destination, or NO_DESTINATION. */
  readonly choose: (scheduling: Scheduling) => Int<"u32">;
}

/** The one scheduling decision rule that several share: whether a member may be chosen. */
export function isUsable<F extends Fields>(walk: Walk<F>, member: Reference<typeof Member.fields>): Bool {
  const { weight, destination } = member;
  return weight.ne(0).and(walk.isOverloaded(walk.load(destination)).not());
}
