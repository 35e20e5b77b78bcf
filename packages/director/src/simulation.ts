// Entry "@yardmaster/director/simulation": the director's halves one by one, for those who run its data plane in the
// interpreter, on any machine and without rights. Nothing here reaches the kernel or its C interface.
export { createMemoryHost, type HelperCall, JIFFIES_PER_SECOND, type MemoryProgram } from "@yardmaster/ebpf/vm";
export { parseConfiguration } from "./config/parse-configuration.ts";
export { createDataplane, type Dataplane } from "./kernel/dataplane.ts";
export { type Plan, plan } from "./plan/plan.ts";
export { type ReaperRound, reap } from "./reconcile/reaper.ts";
export { readConnections } from "./status/connections.ts";
export { readServices, readVerdicts } from "./status/snapshot.ts";
