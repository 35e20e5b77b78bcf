// Entry "@yardmaster/lab/simulated": the lab for those who may not or cannot build network namespaces. Reaches neither
// the kernel's interfaces nor the network, and writes no files.
export { type Cancel, EventQueue } from "./event-queue.ts";
export { FIB_LOOKUP_HELPER, fibLookup } from "./fib-lookup.ts";
export { reasonToSimulate, type Surroundings } from "./reason.ts";
export type { SimulatedLabReport, SimulatedMethodReport } from "./simulated-report.ts";
export { runSimulatedLab, type SimulatedLabOptions } from "./run-simulated-lab.ts";
