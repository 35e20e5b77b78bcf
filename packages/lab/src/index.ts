// Entry of the lab: a network of namespaces on one machine in which the real director handles real traffic.
export { createLabFolder, labFolder, listLabs, removeLab, takeDown } from "./cleanup.ts";
export {
  type DirectorCommand,
  defaultDirectorCommand,
  type RunningDirector,
  startDirector,
  stopDirector,
} from "./director-process.ts";
export { ask, type HostProcess, readLog, startHostProcess, stopHostProcess, waitForLog } from "./host-process.ts";
export { LabError, type LabErrorCode } from "./lab-error.ts";
export type { Expectation, LabReport, MethodMeasurement, MethodReport, ServiceResult } from "./lab-report.ts";
export { type LabFamily, labFamilies } from "./addresses.ts";
export {
  type LabDestination,
  type LabHook,
  labHooks,
  type LabLayout,
  type LabMethod,
  labMethods,
  type LabScenario,
  labScenarios,
  type LabService,
} from "./layout.ts";
export { type ChoiceOf, layoutOf } from "./layouts.ts";
export { buildNetwork, interfacesWithXdp, type LabNetwork, namespaceOf } from "./network.ts";
export type { LabOptions } from "./lab-options.ts";
export { runLab } from "./run-lab.ts";
export { captureFolder } from "./trace/capture-file.ts";
export { runSoak } from "./soak/run-soak.ts";
export type { SoakAmounts, SoakOptions } from "./soak/soak-options.ts";
export type { SoakReport } from "./soak/soak-report.ts";
