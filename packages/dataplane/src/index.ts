// Entry point "@yardmaster/dataplane": the programs, the maps they share with the control plane, and
// what the control plane computes ahead for them.

export { type AddressWords, LONGEST } from "./address.ts";
export { balancer } from "./balancer.ts";
export { carriedCounters, carriedMaps } from "./carried.ts";
export { families, type Family, type FamilyName } from "./family.ts";
export type { Encapsulation, EncapsulationName } from "./forward/encapsulate/encapsulation.ts";
export { encapsulations, tunnelOverhead } from "./forward/encapsulate/registry.ts";
export type { ForwardingMethod, Requirement } from "./forward/method.ts";
export { methods } from "./forward/registry.ts";
export { answeringClients, hasLocalAddress, hasReplies, type MethodName } from "./forward/traits.ts";
export { readLife } from "./life.ts";
export { UNSEEN_SECONDS } from "./open.ts";
export { prober } from "./probe/prober.ts";
export { reaper } from "./reaper.ts";
export { type ReasonName, type ReasonText, reasonNames, reasons, reasonText } from "./reasons.ts";
export { type SchedulerName, schedulerNames } from "./schedule/names.ts";
export { schedulers } from "./schedule/registry.ts";
export {
  type ListChange,
  type ListedMember,
  NO_DESTINATION,
  type Scheduler,
  type SchedulerOption,
  schedulerOptions,
} from "./schedule/scheduler.ts";
export { UDP_PORTS } from "./service.ts";
export { MAGLEV_SLOTS, maglevSizes, maglevTable } from "./schedule/maglev-hash.ts";
export { sourceHashTable } from "./schedule/source-hash.ts";
export { highestLevel, weightDivisor } from "./schedule/weights.ts";
export * from "./schema.ts";
export { type BalancerShape, type FeatureName, featureNames, hasFeature } from "./shape.ts";
export * from "./tcp-states.ts";
export { ASSURED, DISABLED } from "./template.ts";
