// `yardmaster simulate`: which scheduler suits which load, seen without a network: the data plane's own bytecode plays
// a workload, generated or captured, in the interpreter.
import { writeFile } from "node:fs/promises";
import { optionNames, type OptionTexts, type SimulationOption, simulationOptions } from "@yardmaster/simulate/options";
import { type Command, Option } from "commander";
import { CliError } from "../cli-error.ts";
import { print, printJson } from "../output.ts";
import { fileProblem, readBytes, readTextFile } from "../read-file.ts";

interface SimulateOptions extends OptionTexts {
  readonly file?: string;
  readonly json?: boolean;
  readonly chart?: string;
}

const MEGABYTE = 1024 * 1024;
const LARGEST = { workload: MEGABYTE, capture: 1024 * MEGABYTE } as const;

/** Adds the command to the program. */
export function addSimulateCommand(program: Command): void {
  const command = program
    .command("simulate")
    .description("play a workload against schedulers in the interpreter and show how load spreads over time")
    .option("-f, --file <file>", "YAML file with the options below as keys (warmUp: 5s); the command line wins");
  for (const name of optionNames) {
    const { argument, meaning, default: normal }: SimulationOption = simulationOptions[name];
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <${argument}>`;
    command.addOption(new Option(flag, normal === undefined ? meaning : `${meaning} (default: ${normal})`));
  }
  command
    .option("--chart <file>", "write a chart too, as an SVG file")
    .option("--json", "print the whole result as JSON")
    .action(simulateWorkload);
}

async function simulateWorkload({ file, json, chart: chartFile, ...written }: SimulateOptions): Promise<void> {
  const { chart, prepareSimulation, readWorkloadFile, simulate, SimulationError } = await import(
    "@yardmaster/simulate"
  );
  try {
    const inFile = file === undefined ? {} : readWorkloadFile(await readTextFile(file, LARGEST.workload), file);
    const texts: OptionTexts = { ...inFile, ...written };
    const capture = texts.capture === undefined ? undefined : await readBytes(texts.capture, LARGEST.capture);
    const report = simulate(prepareSimulation(texts, capture));
    if (chartFile !== undefined) await writeChart(chartFile, chart(report));
    if (json === true) printJson(report);
    else print((await import("../format-simulation.ts")).formatSimulation(report));
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    const { code, message, hint } = error;
    const options = { status: 2, cause: error, ...(hint === undefined ? {} : { hint }) } as const;
    throw new CliError(code, message, options);
  }
}

async function writeChart(fileName: string, text: string): Promise<void> {
  try {
    await writeFile(fileName, text);
  } catch (cause) {
    throw new CliError("YM_CLI_FILE", `writing ${fileName}: ${fileProblem(cause)}`, { cause });
  }
}
