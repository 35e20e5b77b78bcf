// What a benchmark run leaves: the numbers, and the machine that they are from.

import { readFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import type { DirectorTimes } from "./director-times.ts";
import type { CaseResult, Effort, ProgramResult } from "./measure.ts";
import type { MemoryResult } from "./memory.ts";
import type { SchedulerResult } from "./schedulers.ts";
import type { SetupTimes } from "./setup-times.ts";
import type { TableSizeResult } from "./table-size.ts";

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly architecture: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  /** Processes that wanted to run, over the last minute, when the benchmark began: 0 is a quiet machine. */
  readonly loadAverage: number;
  readonly isVirtual: boolean;
}

/** All of one run. */
export interface BenchmarkResult {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly machine: Machine;
  readonly effort: Effort;
  readonly programs: readonly ProgramResult[];
  readonly cases: readonly CaseResult[];
  readonly setup: readonly SetupTimes[];
  readonly schedulers: readonly SchedulerResult[];
  readonly tableSize: TableSizeResult;
  readonly memory: MemoryResult;
  readonly director: DirectorTimes;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? "unknown",
    processors: processors.length,
    architecture: arch(),
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    loadAverage: loadavg()[0] ?? 0,
    isVirtual: /^flags\s*:.*\bhypervisor\b/m.test(readFileSync("/proc/cpuinfo", "utf8")),
  };
}

/** `2026-11-22-amd-epyc`: where a result is kept. */
export function fileNameOf({ date, machine }: BenchmarkResult): string {
  const name = machine.processor
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return `${date.slice(0, 10)}-${name}.json`;
}

/** The value in the middle, of an odd or even number of them. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2;
}
