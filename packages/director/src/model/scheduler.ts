// The schedulers by their LVS short names: which of a service's destinations a new connection goes to.
// The names are the values people write; the packet half of each lives in the dataplane package.

/** Schedulers that this version runs. */
export const schedulers = [
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

/** LVS's short name of a scheduler. */
export type Scheduler = (typeof schedulers)[number];
