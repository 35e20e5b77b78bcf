// What a simulated run has found out: the lab's report, and what there is to say of the simulation itself.
import type { LabReport, MethodReport } from "../lab-report.ts";

/** One method's report. Latencies in it are of simulated time: they say nothing of a real network. */
export interface SimulatedMethodReport extends MethodReport {
  /** How often the director's program ran, and how many instructions it executed in all. */
  readonly programRuns: number;
  readonly instructions: number;
  /** How long the traffic took in simulated time. */
  readonly simulatedMs: number;
}

/** The whole run. */
export interface SimulatedLabReport extends LabReport {
  readonly simulated: true;
  /** Plain words: what this is and is not. */
  readonly note: string;
  readonly methods: readonly SimulatedMethodReport[];
}
