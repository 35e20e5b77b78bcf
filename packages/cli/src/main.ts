// The command line: one file per command in commands/, each of which loads what it needs when it is run.
// Exit status: 0 done, 1 failed, 2 wrong usage or bad configuration.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addChangeCommands } from "./commands/change.ts";
import { addCheckCommand } from "./commands/check.ts";
import { addChecksCommand } from "./commands/checks.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addConnectionsCommand } from "./commands/connections.ts";
import { addDownCommand } from "./commands/down.ts";
import { addEditCommands } from "./commands/edit.ts";
import { addImportCommand } from "./commands/import.ts";
import { addIpvsadmCommand, ipvsadmWords, runIpvsadmWords } from "./commands/ipvsadm.ts";
import { addLabCommand } from "./commands/lab.ts";
import { addRealServerCommand } from "./commands/realserver.ts";
import { addRunCommand } from "./commands/run.ts";
import { addSimulateCommand } from "./commands/simulate.ts";
import { addStatusCommand } from "./commands/status.ts";
import { ignoreClosedOutput } from "./output.ts";
import { printError } from "./print-error.ts";

/** Runs a command line (`argv` as in process.argv), prints what there is to say and returns the exit status. */
export async function main(argv: readonly string[]): Promise<number> {
  ignoreClosedOutput();
  try {
    const words = ipvsadmWords(argv);
    if (words !== undefined) return await runIpvsadmWords(words);
    await createProgram().parseAsync(argv);
    return 0;
  } catch (error) {
    return printError(error);
  }
}

/** The definition of the command line, also for what is made from it (describe/). */
export function createProgram(): Command {
  const version = readVersion();
  const program = new Command("yardmaster")
    .description("Layer-4 load balancer: LVS in TypeScript, on XDP")
    .version(version)
    .showHelpAfterError("(yardmaster --help lists commands and options)")
    .exitOverride();
  program.commandsGroup("The director:");
  addRunCommand(program, version);
  addDownCommand(program);
  addCheckCommand(program);
  program.commandsGroup("Changing what runs:");
  addChangeCommands(program);
  addEditCommands(program);
  program.commandsGroup("Seeing what runs:");
  addStatusCommand(program);
  addChecksCommand(program);
  addConnectionsCommand(program);
  program.commandsGroup("Real servers:");
  addRealServerCommand(program);
  program.commandsGroup("Coming from IPVS:");
  addImportCommand(program);
  addIpvsadmCommand(program);
  program.commandsGroup("Trying it out:");
  addLabCommand(program);
  addSimulateCommand(program);
  program.commandsGroup("Further:");
  addCompletionCommand(program);
  program.helpCommand("help [command]", "display help for command");
  return program;
}

function readVersion(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
