// `yardmaster plan`, `apply`, `confirm`, `save`: the configuration of the running director, over its API.
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { print, printJson, printNote } from "../output.ts";
import { printMade } from "../print-made.ts";
import { readTextFile } from "../read-file.ts";
import { writeWhole } from "../write-file.ts";
import { addDirectorOptions, clientFor, type SocketOptions } from "../director-client.ts";

interface FileOptions extends SocketOptions {
  readonly file: string;
  readonly confirm?: string;
  readonly json?: true;
}

/** Adds the commands to the program. */
export function addChangeCommands(program: Command): void {
  addDirectorOptions(
    program
      .command("plan")
      .description("show what a configuration file would change in the running director, and what that would cost")
      .requiredOption("-f, --file <file>", "configuration file; - is the standard input")
      .option("--json", "print it as JSON"),
  ).action(plan);
  addDirectorOptions(
    program
      .command("apply")
      .description("make a configuration file the running director's: all of it or, if anything fails, nothing")
      .requiredOption("-f, --file <file>", "configuration file; - is the standard input")
      .option("--confirm <duration>", "take it back after so long (60s) unless `yardmaster confirm` comes first")
      .option("--json", "print what was changed as JSON"),
  ).action(apply);
  addDirectorOptions(program.command("confirm").description("keep what `apply --confirm` has changed")).action(
    async (options: SocketOptions) => {
      await (await clientFor(options)).confirm();
      printNote("confirmed");
    },
  );
  addDirectorOptions(program.command("rollback").description("take back what `apply --confirm` has changed, now"))
    .option("--json", "print what was changed as JSON")
    .action(rollBack);
  addDirectorOptions(
    program
      .command("save")
      .description("write the configuration file for what runs, changes of single servers and services included")
      .option("-f, --file <file>", "write it here, whole or not at all (default: print it)"),
  ).action(save);
}

async function plan(options: FileOptions): Promise<void> {
  const client = await clientFor(options);
  const text = await textOf(options.file);
  const { planText } = await import("@yardmaster/director");
  const planned = await named(options.file, () => client.plan(text));
  if (options.json === true) printJson(planned);
  else print(planText(planned));
}

async function apply(options: FileOptions): Promise<void> {
  if (options.confirm !== undefined) await assertDuration(options.confirm);
  const client = await clientFor(options);
  // What is applied takes the place of what ran when it was read: another change in between is not undone.
  const revision = await client.revision();
  const text = await textOf(options.file);
  await printMade(await named(options.file, () => client.apply(text, { confirm: options.confirm, revision })), options);
}

async function rollBack(options: SocketOptions & { readonly json?: true }): Promise<void> {
  await printMade(await (await clientFor(options)).rollBack(), options);
}

/** A wrong command line is found without a director. */
async function assertDuration(text: string): Promise<void> {
  const { tryParseDurationMs } = await import("@yardmaster/director");
  if (tryParseDurationMs(text)) return;
  const hint = "write a number and its unit: 60s, 5m";
  throw new CliError("YM_CLI_USAGE", `--confirm ${text} is no duration`, { status: 2, hint });
}

async function save({ file, ...options }: SocketOptions & { readonly file?: string }): Promise<void> {
  const { text } = await (await clientFor(options)).configuration();
  if (file === undefined) {
    process.stdout.write(text);
    return;
  }
  writeWhole(file, text);
  printNote(`saved ${file}`);
}

async function textOf(file: string): Promise<string> {
  const { maximumFileLength } = await import("@yardmaster/director");
  return await readTextFile(file, maximumFileLength);
}

/** The director does not know what the file is called. */
async function named<T>(file: string, run: () => Promise<T>): Promise<T> {
  const { ConfigurationError } = await import("@yardmaster/director");
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new ConfigurationError(error.faults.map((fault) => ({ ...fault, file })));
  }
}
