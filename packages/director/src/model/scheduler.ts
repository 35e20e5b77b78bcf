// The schedulers by their LVS short names: which of a service's destinations a new connection goes to.
// The names are the values people write; the packet half of each lives in the dataplane package.

/** Schedulers that this version runs. */
export const schedulers = ["rr", "wrr", "sh", "wlc"] as const;

/** LVS's short name of a scheduler. */
export type Scheduler = (typeof schedulers)[number];

/** Schedulers of LVS (ip_vs_*.c in net/netfilter/ipvs) that are known by name and not built yet. */
export const plannedSchedulers = ["lc", "sed", "nq", "dh", "lblc", "lblcr", "mh", "fo", "ovf", "twos"] as const;
