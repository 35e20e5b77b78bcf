// The schedulers by their LVS short names: which of a service's destinations a new connection goes to.
// What each does, ahead and per packet, lives in the dataplane package; there is also which of them are built.
import {
  type Scheduler as SchedulerDefinition,
  type SchedulerName,
  schedulerNames,
  type SchedulerOption,
  schedulerOptions as optionBits,
  schedulers as definitions,
} from "@yardmaster/dataplane";

/** Schedulers that this version runs. */
export const schedulers = schedulerNames;

/** LVS's short name of a scheduler. */
export type Scheduler = SchedulerName;

export type { SchedulerOption };

/** Options of all schedulers, by ipvsadm's names. */
export const schedulerOptions = Object.keys(optionBits) as readonly SchedulerOption[] as readonly [
  SchedulerOption,
  ...SchedulerOption[],
];

/** The options that a scheduler knows. */
export function optionsOf(scheduler: Scheduler): readonly SchedulerOption[] {
  const definition: SchedulerDefinition = definitions[scheduler];
  return definition.options ?? [];
}

/**
 * Those that it has where nobody chose: clients of a server that takes none go to another. Without that they are
 * refused as long as their server drains, or is down, or has weight 0, which is IPVS's way.
 */
export function usualOptions(scheduler: Scheduler): readonly SchedulerOption[] {
  return optionsOf(scheduler).filter((option) => option.endsWith("-fallback"));
}

/** How many slots a table can have where that can be chosen; a prime. */
export const tableSizes = { minimum: 251, maximum: 1_048_573 } as const;

/**
 * Slots of such a table unless somebody chose: IPVS's own (net/netfilter/ipvs/Kconfig: 4093) is good for few servers.
 * The length does not follow the number of servers, because with another one all clients move.
 */
const USUAL_SLOTS = 65_537;

/** Slots of a scheduler's table where nobody chose; undefined: what the scheduler takes by itself. */
export function usualTableSize(scheduler: Scheduler): number | undefined {
  return offersTableSizes(scheduler) ? USUAL_SLOTS : undefined;
}

/** Whether a number of slots can be chosen for the table of a scheduler. */
export function offersTableSizes(scheduler: Scheduler): boolean {
  return sizesOf(scheduler).length > 0;
}

/** How many servers of equal weight a table of so many slots will do for. */
export function serversFor(scheduler: Scheduler, slots: number): number {
  return sizesOf(scheduler).findLast((size) => size.slots <= slots)?.servers ?? 1;
}

/** The smallest table that will do for so many servers; undefined where none is known. */
export function slotsFor(scheduler: Scheduler, servers: number): number | undefined {
  return sizesOf(scheduler).find((size) => size.servers >= servers)?.slots;
}

function sizesOf(scheduler: Scheduler) {
  const definition: SchedulerDefinition = definitions[scheduler];
  return definition.tableSizes ?? [];
}

/** Whether a growing weight means a growing share: not where weights are not heeded, or clients hashed to servers. */
export function startsSlowly(scheduler: Scheduler): boolean {
  return ["wrr", "wlc", "sed", "nq", "lblc", "lblcr", "twos"].includes(scheduler);
}
