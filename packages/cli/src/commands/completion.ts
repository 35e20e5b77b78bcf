// `yardmaster completion SHELL`: a script that teaches a shell the commands and options.
import { Argument, type Command } from "commander";
import { completionScript, type Shell, shells } from "../describe/completion.ts";
import { outlineOf } from "../describe/outline.ts";
import { print } from "../output.ts";

/** Adds the command to the program. */
export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description('print what completes words for a shell: source <(yardmaster completion bash), or "| source" in fish')
    .addArgument(new Argument("<shell>").choices(shells))
    .action((shell: Shell) => print(completionScript(shell, outlineOf(program))));
}
