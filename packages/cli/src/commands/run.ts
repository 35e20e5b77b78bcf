// `yardmaster run`: the director, in the foreground, until SIGINT or SIGTERM. Packets go on without it.
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { loadConfiguration } from "../load-configuration.ts";
import { printNote } from "../output.ts";
import { giveBackStartUpMemory } from "../start-up-memory.ts";
import { withStopSignal } from "../stop-signal.ts";

interface RunOptions {
  readonly file: string;
  readonly socket?: string;
  readonly instance: string;
  readonly ephemeral?: true;
}

/** Adds the command to the program. */
export function addRunCommand(program: Command, version: string): void {
  program
    .command("run")
    .description("run the director until it is stopped (Ctrl-C, SIGTERM)")
    .requiredOption("-f, --file <file>", "configuration file")
    .option(
      "--socket <path>",
      "Unix socket to answer status on (default: YARDMASTER_SOCKET, /run/yardmaster/default.sock)",
    )
    .option("--instance <name>", "what it is kept under when it ends, and found again by the next", "default")
    .option("--ephemeral", "keep nothing: programs and connections end with it")
    .action((options: RunOptions) => run(options, version));
}

async function run(options: RunOptions, version: string): Promise<void> {
  const { configuration, warnings } = await loadConfiguration(options.file, { network: "this machine" });
  const { findMissingPrivileges, formatFaults, resolveSocketPath, runDirector } = await import("@yardmaster/director");
  if (warnings.length > 0) printNote(formatFaults(warnings));
  const missing = await findMissingPrivileges();
  if (missing !== undefined) throw new CliError("YM_CLI_PRIVILEGES", missing);
  giveBackStartUpMemory();
  await withStopSignal((signal) =>
    runDirector({
      configuration,
      fileName: options.file,
      ...(options.ephemeral === true ? {} : { instance: options.instance }),
      socketPath: resolveSocketPath(options.socket),
      version,
      signal,
      report: printNote,
    }),
  );
}
