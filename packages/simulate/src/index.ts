// Entry of @yardmaster/simulate: workloads played against schedulers through the data plane's own bytecode, in the
// interpreter. Reads and writes no files; runs anywhere and without rights.
export { chart } from "./report/chart.ts";
export { type ReportedServer, type SimulationReport, simulate } from "./report/report.ts";
export type { Level, Samples, SchedulerResult, ServerResult, Times } from "./report/summarise.ts";
export { type Series, seriesOf } from "./report/series.ts";
export { describeWorkload, formatLoad, formatShare, formatTime } from "./report/words.ts";
export { readWorkloadFile } from "./settings/workload-file.ts";
export { prepareSimulation, type Simulation } from "./simulation.ts";
export { SimulationError, type SimulationErrorCode } from "./simulation-error.ts";
