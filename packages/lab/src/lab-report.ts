// What a lab run has found out, as data: the JSON of `yardmaster lab --json`. expectations.ts judges it,
// report-text.ts puts it in words.
import type { DirectorStatus } from "@yardmaster/director";

import type { DirectorEnd } from "./director-process.ts";
import type { FrameCounts } from "./frames.ts";
import type { LabFamily } from "./addresses.ts";
import type { LabEncapsulation, LabHook, LabMethod, LabScenario, LabService } from "./layout.ts";
import type { MixedMeasurement } from "./mixed/mixed-report.ts";
import type { ToolsMeasurement } from "./tools/tools-report.ts";
import type { TraceReport } from "./trace/trace-report.ts";
import type { TrafficReport } from "./traffic-job.ts";

/** One service's traffic. */
export interface ServiceResult {
  readonly service: LabService;
  /** How many requests were to be sent. */
  readonly requests: number;
  readonly traffic: TrafficReport;
}

/** What was measured for one forwarding method in one scenario. */
export interface MethodMeasurement {
  readonly method: LabMethod;
  readonly scenario: LabScenario;
  readonly family: LabFamily;
  readonly hook: LabHook;
  readonly encapsulation?: LabEncapsulation;
  readonly place?: "containers";
  readonly description: string;
  readonly clients: number;
  readonly readyAfterMs: number;
  /** Scenario `shares`; none in the others. */
  readonly services: readonly ServiceResult[];
  /** Scenario `mixed`. */
  readonly mixed?: MixedMeasurement;
  /** Scenario `tools`. */
  readonly tools?: ToolsMeasurement;
  /** Scenarios `path` and `shares`: one connection's packets, hop by hop. */
  readonly trace?: TraceReport;
  readonly frames: FrameCounts;
  readonly repliesPassDirector: boolean;
  readonly directorInterfaces: readonly string[];
  readonly status: DirectorStatus;
  /** Absent when the lab is kept and the director goes on. */
  readonly directorEnd?: DirectorEnd;
}

/** Something that must hold, and whether it did. */
export interface Expectation {
  readonly what: string;
  readonly met: boolean;
  /** The numbers behind it. */
  readonly detail: string;
}

/** One method's measurement with its judgement. */
export interface MethodReport extends MethodMeasurement {
  readonly expectations: readonly Expectation[];
  readonly passed: boolean;
}

/** The whole run. */
export interface LabReport {
  /** The lab's name, for `--remove` when it is kept. */
  readonly name: string;
  readonly kept: boolean;
  /** One report for each method and scenario. */
  readonly methods: readonly MethodReport[];
  /** True when every expectation of all of them is met. */
  readonly passed: boolean;
}
