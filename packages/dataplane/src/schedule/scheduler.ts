// What every scheduler is: what it computes ahead, and the few lines that choose for one connection.

import type { Int } from "@yardmaster/ebpf";
import type { SchedulerName } from "./names.ts";
import type { Scheduling } from "./scheduling.ts";

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
   * What is computed ahead for a service: the content of its table, destination indexes by slot. A slot may name a
   * destination that takes nothing now: that is asked when a connection comes, so that quiescing moves no slot.
   * NO_DESTINATION only where there is nobody to name. `slots` is its length, where that can be chosen (mh: a prime).
   * Undefined for schedulers without a table.
   */
  readonly table?: (members: readonly ListedMember[], slots?: number) => Uint32Array;
  /**
   * Where the length of the table can be chosen: lengths, and for how many servers of equal weight each will do, both
   * ascending. Others are possible, too.
   */
  readonly tableSizes?: readonly { readonly slots: number; readonly servers: number }[];
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
