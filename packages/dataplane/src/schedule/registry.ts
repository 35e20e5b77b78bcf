// All schedulers by name. Adding one is a file and a line here.

import { roundRobin } from "./round-robin.ts";
import type { Scheduler, SchedulerName } from "./scheduler.ts";
import { sourceHash } from "./source-hash.ts";
import { weightedLeastConnection } from "./weighted-least-connection.ts";
import { weightedRoundRobin } from "./weighted-round-robin.ts";

export const schedulers: Readonly<Record<SchedulerName, Scheduler>> = {
  rr: roundRobin,
  wrr: weightedRoundRobin,
  sh: sourceHash,
  wlc: weightedLeastConnection,
};
