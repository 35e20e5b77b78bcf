// `yardmaster down`: the end of what a director left at work when it was stopped.
import type { Command } from "commander";
import { printNote } from "../output.ts";

interface DownOptions {
  readonly instance: string;
  readonly stateDirectory?: string;
}

/** Adds the command to the program. */
export function addDownCommand(program: Command): void {
  program
    .command("down")
    .description("take off what a stopped director left at work: programs, services, connections")
    .option("--instance <name>", "the instance that it ran as", "default")
    .option("--state-directory <path>", "where it kept its state (default: /var/lib/yardmaster)")
    .action(async ({ instance, stateDirectory }: DownOptions) => {
      const { defaultStateDirectory, takeDown } = await import("@yardmaster/director");
      const taken = await takeDown(instance, stateDirectory ?? defaultStateDirectory);
      if (taken === undefined) printNote(`there is nothing of instance "${instance}"`);
      else printNote(`instance "${instance}" is down: ${list(taken.interfaces)}`);
    });
}

function list(interfaces: readonly string[]): string {
  return interfaces.length === 0 ? "no program was attached" : `programs are off ${interfaces.join(", ")}`;
}
