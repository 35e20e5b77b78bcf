// The names of the schedulers: what a shape and a configuration know of them.

/** LVS's names, as the configuration has them. */
export const schedulerNames = [
  "rr",
  "wrr",
  "lc",
  "wlc",
  "lblc",
  "lblcr",
  "dh",
  "sh",
  "sed",
  "nq",
  "mh",
  "fo",
  "ovf",
  "twos",
] as const;
export type SchedulerName = (typeof schedulerNames)[number];
