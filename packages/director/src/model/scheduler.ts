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

/** All that LVS has (ip_vs_*.c in net/netfilter/ipvs). */
const lvsSchedulers = [
  "rr",
  "wrr",
  "lc",
  "wlc",
  "sed",
  "nq",
  "sh",
  "dh",
  "lblc",
  "lblcr",
  "mh",
  "fo",
  "ovf",
  "twos",
] as const;

/** Schedulers of LVS that are known by name and not built yet. */
export const plannedSchedulers = lvsSchedulers.filter((name) => !(schedulers as readonly string[]).includes(name));

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

/** How many slots a table can have; a prime (those that IPVS can be built with: net/netfilter/ipvs/Kconfig). */
export const tableSizes = { minimum: 251, maximum: 131_071 } as const;

/** Whether a number of slots can be chosen for the table of a scheduler. */
export function offersTableSizes(scheduler: Scheduler): boolean {
  return "tableSizes" in definitions[scheduler];
}
