// npm run bench: measures the data plane on this machine, prints tables, and with --save keeps the numbers under
// bench/results. Needs root; uses a network namespace of its own and nothing outside it.

import { missingPrivileges } from "@yardmaster/linux";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CHECKS, FEW_CHECKS, measureChecks } from "./checks.ts";
import { checksText } from "./checks-text.ts";
import { type DirectorEffort, measureDirector } from "./director-times.ts";
import { type Effort, measure } from "./measure.ts";
import { measureMemory } from "./memory.ts";
import { createNetwork } from "./network.ts";
import { directorText, reportText } from "./report.ts";
import { type BenchmarkResult, describeMachine, fileNameOf } from "./result.ts";
import { measureSchedulers } from "./schedulers.ts";
import { setupTimes } from "./setup-times.ts";
import { measureTableSize } from "./table-size.ts";

const USAGE = `usage: npm run bench [-- OPTIONS]
  --save    keep the numbers in bench/results/DATE-MACHINE.json
  --quick   a tenth of the packets, fewer repetitions: to see that it works
  --director  only the running director: a large configuration, its memory and its idle time
  --checks  only health checks: 2,000 a second for five minutes; needs nginx
  --json    print the numbers instead of tables
`;
const THOROUGH: Effort = { repetitions: 11, packets: 1_000_000, flows: 1000, newFlows: 20_000 };
const QUICK: Effort = { repetitions: 3, packets: 100_000, flows: 1000, newFlows: 20_000 };
const MEMORY_ENTRIES = 1 << 20;

/** A million connections, a thousand services of a hundred servers each. */
const LARGE: DirectorEffort = {
  ...{ services: 1000, serversEach: 100, weightChanges: 200, connections: 1 << 20, idleMs: 20_000 },
};
const SMALL: DirectorEffort = { ...LARGE, services: 100, weightChanges: 5, idleMs: 2000 };

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options === undefined) return 2;
  const missing = missingPrivileges();
  if (missing !== undefined) {
    process.stderr.write(`measuring the data plane: ${missing}\n`);
    return 1;
  }
  if (options.checks) {
    const measured = await measureChecks(options.quick ? FEW_CHECKS : CHECKS);
    process.stdout.write(options.json ? `${JSON.stringify(measured, undefined, 2)}\n` : `${checksText(measured)}\n`);
    return 0;
  }
  if (options.director) {
    using network = createNetwork();
    const times = await measureDirector(network.name, options.quick ? SMALL : LARGE);
    process.stdout.write(options.json ? `${JSON.stringify(times, undefined, 2)}\n` : `${directorText(times)}\n`);
    return 0;
  }
  const effort = options.quick ? QUICK : THOROUGH;
  const result = await run(effort, options.quick ? 3 : 7);
  process.stdout.write(options.json ? `${JSON.stringify(result, undefined, 2)}\n` : reportText(result));
  if (options.save) save(result);
  return 0;
}

function parse(args: readonly string[]) {
  const flag = { type: "boolean", default: false } as const;
  try {
    const options = { save: flag, quick: flag, json: flag, director: flag, checks: flag };
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return undefined;
  }
}

async function run(effort: Effort, coldProcesses: number): Promise<BenchmarkResult> {
  const machine = describeMachine();
  const date = new Date().toISOString();
  using network = createNetwork();
  const setup = setupTimes(network.name, coldProcesses);
  const { cases, programs } = measure(network.name, effort);
  const schedulers = measureSchedulers(network.name, effort.repetitions);
  const tableSize = measureTableSize(network.name, effort.repetitions);
  const memory = measureMemory(MEMORY_ENTRIES);
  const director = await measureDirector(network.name, coldProcesses > 3 ? LARGE : SMALL);
  return { date, machine, effort, programs, cases, setup, schedulers, tableSize, memory, director };
}

function save(result: BenchmarkResult): void {
  const folder = fileURLToPath(new URL("results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const path = `${folder}${fileNameOf(result)}`;
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`);
  process.stdout.write(`\nkept in ${path}\n`);
}
