// Entry "@yardmaster/director/simulation": the director's halves one by one, for those who run its data plane in the
// interpreter, on any machine and without rights. Nothing here reaches the kernel or its C interface.
export { createMemoryHost, type HelperCall, JIFFIES_PER_SECOND, type MemoryProgram } from "@yardmaster/ebpf/vm";
export { parseConfiguration } from "./config/parse-configuration.ts";
export { DirectorError } from "./errors.ts";
export { createDataplane, type Dataplane } from "./kernel/dataplane.ts";
export { makeMaps } from "./kernel/live-maps.ts";
export { LiveServices } from "./live/live-services.ts";
export { endpointOf, identityOf, type ServiceDefinition } from "./live/service.ts";
export { type Plan, plan } from "./plan/plan.ts";
export { type LiveSettings } from "./plan/settings.ts";
export { hasPassed, type ReaperRound, reap } from "./reconcile/reaper.ts";
export type { ConnectionRow } from "./api/types.ts";
export type { Encapsulation } from "./model/encapsulation.ts";
export type { Destination, MarkRule, ServiceMatch } from "./model/virtual-service.ts";
export { readConnections } from "./status/connections.ts";
export { readServices, readVerdicts } from "./status/snapshot.ts";
