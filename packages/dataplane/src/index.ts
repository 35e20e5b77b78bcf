// Entry point "@yardmaster/dataplane": the programs, the maps they share with the control plane, and
// what the control plane computes ahead for them.

export { balancer } from "./balancer.ts";
export type { ForwardingMethod, MethodName, Requirement } from "./forward/method.ts";
export { hasReplies, methods } from "./forward/registry.ts";
export { reaper } from "./reaper.ts";
export { type ReasonName, type ReasonText, reasonNames, reasons, reasonText } from "./reasons.ts";
export { schedulers } from "./schedule/registry.ts";
export { NO_DESTINATION, type Scheduler, type SchedulerName, type WeightedMember } from "./schedule/scheduler.ts";
export { sourceHashBucket, sourceHashTable } from "./schedule/source-hash.ts";
export { highestLevel, weightDivisor } from "./schedule/weighted-round-robin.ts";
export * from "./schema.ts";
export type { BalancerShape } from "./shape.ts";
export * from "./tcp-states.ts";
