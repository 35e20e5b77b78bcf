// `yardmaster lab soak`: a director under load that is reloaded, killed and exchanged at random, for minutes or hours.
import type { Command } from "commander";
import { CliError, FailedCommand } from "../cli-error.ts";
import { printNote } from "../output.ts";
import { parseCount } from "../parse-count.ts";
import { withStopSignal } from "../stop-signal.ts";

interface SoakCommandOptions {
  readonly minutes?: number;
  readonly reloads?: number;
  readonly kills?: number;
  readonly swaps?: number;
  readonly seed?: number;
  readonly rate: number;
  readonly outages: number;
  readonly logs?: string;
  readonly json?: boolean;
}

const usualMinutes = 10;
const mostAmount = 1_000_000;

/** Adds the command to `lab`. */
export function addSoakCommand(lab: Command): void {
  const count = parseCount(mostAmount);
  lab
    .command("soak")
    .description("requests by all methods while the director is reloaded, killed and exchanged, and servers die")
    .option("--minutes <number>", `how long (default: ${usualMinutes}, unless amounts are given)`, parseCount(100_000))
    .option("--reloads <number>", "how many reloads that the running program can serve", count)
    .option("--kills <number>", "how many times kill -9 and a new director", count)
    .option("--swaps <number>", "how many exchanges of the program", count)
    .option("--seed <number>", "what chance draws from; the same disturbs in the same order (default: drawn)", count)
    .option("--rate <number>", "requests a second, over all services", parseCount(100_000), 160)
    .option("--outages <seconds>", "at least so long all servers live before one dies again", parseCount(100_000), 30)
    .option("--logs <folder>", "where the logs, the last configuration and the report are left (default: nowhere)")
    .option("--json", "print the report as JSON; the lines before it go to stderr")
    .action(soak);
}

async function soak(options: SoakCommandOptions): Promise<void> {
  const { minutes, reloads = 0, kills = 0, swaps = 0, seed, rate, outages } = options;
  const hasAmounts = reloads + kills + swaps > 0;
  if (hasAmounts && minutes !== undefined) {
    throw new CliError("YM_CLI_USAGE", "--minutes says how long, --reloads, --kills and --swaps how much: give one", {
      status: 2,
    });
  }
  const isJson = options.json === true;
  const write = (text: string): void => void process.stdout.write(text);
  const { runSoak } = await import("@yardmaster/lab");
  const { passed } = await withStopSignal((signal) =>
    runSoak({
      until: hasAmounts ? { reloads, kills, swaps } : { minutes: minutes ?? usualMinutes },
      seed: seed ?? 1 + Math.floor(Math.random() * mostAmount),
      ...{ rate, outageEveryMs: outages * 1000, json: isJson, logFolder: options.logs, signal, write },
      note: isJson ? (text) => printNote(text.trimEnd()) : write,
    }),
  );
  if (!passed) throw new FailedCommand(1);
}
