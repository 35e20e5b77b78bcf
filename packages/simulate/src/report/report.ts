// The result of a simulation as data: what `--json` prints, what the table and the chart are made from. Times are in
// milliseconds; null stands where there is nothing to say a number about.
import { play } from "../engine/run.ts";
import type { OptionTexts } from "../settings/options.ts";
import type { Simulation } from "../simulation.ts";
import { type SchedulerResult, summarise } from "./summarise.ts";

/** A server as it was told to the simulation. */
export interface ReportedServer {
  /** s1, s2 … in list order. */
  readonly name: string;
  readonly weight: number;
  readonly speed: number;
  /** null: as many as come. */
  readonly workers: number | null;
  /** Thresholds as the scheduler is told; 0: none. */
  readonly upper: number;
  readonly lower: number;
}

/** The whole result. */
export interface SimulationReport {
  /** Every option in force, as it would be written. */
  readonly settings: OptionTexts;
  readonly durationMs: number;
  /** Means, shares of time and the like count from here. */
  readonly warmUpMs: number;
  /** Connections of a capture that were left out because it does not show their begin. */
  readonly withoutBegin: number;
  readonly servers: readonly ReportedServer[];
  /** One for each scheduler, in the order asked for. */
  readonly results: readonly SchedulerResult[];
}

/** Plays the workload against each scheduler; seconds of computing for each. */
export function simulate(simulation: Simulation): SimulationReport {
  const { settings, workload, warmUpMs, servers, schedulers } = simulation;
  return {
    settings,
    durationMs: workload.durationMs,
    warmUpMs,
    withoutBegin: workload.withoutBegin,
    servers: servers.map(({ name, weight, speed, workers, upper, lower }) => ({
      name,
      weight,
      speed,
      workers: Number.isFinite(workers) ? workers : null,
      upper,
      lower,
    })),
    results: schedulers.map((scheduler) => summarise(simulation, play(simulation, scheduler))),
  };
}
