// Entry of the lab: a network of namespaces on one machine in which the real director handles real traffic.
export { listLabs, removeLab } from "./cleanup.ts";
export type { DirectorCommand } from "./director-process.ts";
export { LabError, type LabErrorCode } from "./lab-error.ts";
export type { Expectation, LabReport, MethodMeasurement, MethodReport, ServiceResult } from "./lab-report.ts";
export type { LabDestination, LabLayout, LabMethod, LabService } from "./layout.ts";
export { type LabOptions, layouts, runLab } from "./run-lab.ts";
