// `yardmaster lab`: a whole network on this machine (clients, router, director, real servers) and real traffic in it.
import { type Command, InvalidArgumentError, Option } from "commander";
import { FailedCommand } from "../cli-error.ts";

interface LabCommandOptions {
  readonly method: "nat" | "dr" | "all";
  readonly keep?: boolean;
  readonly clients?: number;
  readonly requests?: number;
  readonly json?: boolean;
}

/** Adds the command to the program. */
export function addLabCommand(program: Command): void {
  const method = new Option("--method <method>", "forwarding method to show");
  program
    .command("lab")
    .description("build a network of clients, director and real servers on this machine and drive requests through it")
    .addOption(method.choices(["nat", "dr", "all"]).default("all"))
    .option("--keep", "leave the network standing and say how to enter each host")
    .option("--clients <number>", "how many clients ask", parseCount)
    .option("--requests <number>", "how many requests they send in all", parseCount)
    .option("--json", "print the result as JSON")
    .action(lab);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > 1_000_000) {
    throw new InvalidArgumentError("It must be a whole number, 1–1000000.");
  }
  return count;
}

async function lab(options: LabCommandOptions): Promise<void> {
  const { runLab } = await import("@yardmaster/lab");
  const isGood = await runLab(options);
  if (!isGood) throw new FailedCommand(1);
}
