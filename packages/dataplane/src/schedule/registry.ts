// All schedulers by name. Adding one is a file and a line here.

import { destinationHash } from "./destination-hash.ts";
import { leastConnection } from "./least-connection.ts";
import { localityBased } from "./locality-based.ts";
import { localityReplicated } from "./locality-replicated.ts";
import { maglevHash } from "./maglev-hash.ts";
import { neverQueue } from "./never-queue.ts";
import { roundRobin } from "./round-robin.ts";
import type { Scheduler } from "./scheduler.ts";
import { shortestExpectedDelay } from "./shortest-expected-delay.ts";
import { sourceHash } from "./source-hash.ts";
import { twoChoices } from "./two-choices.ts";
import { weightedFailover } from "./weighted-failover.ts";
import { weightedLeastConnection } from "./weighted-least-connection.ts";
import { weightedOverflow } from "./weighted-overflow.ts";
import { weightedRoundRobin } from "./weighted-round-robin.ts";
import type { SchedulerName } from "./names.ts";

export const schedulers: Readonly<Record<SchedulerName, Scheduler>> = {
  rr: roundRobin,
  wrr: weightedRoundRobin,
  lc: leastConnection,
  wlc: weightedLeastConnection,
  lblc: localityBased,
  lblcr: localityReplicated,
  dh: destinationHash,
  sh: sourceHash,
  sed: shortestExpectedDelay,
  nq: neverQueue,
  mh: maglevHash,
  fo: weightedFailover,
  ovf: weightedOverflow,
  twos: twoChoices,
};
