// `yardmaster lab`: a whole network on this machine (clients, router, director, real servers) and real traffic in it.
import { type Command, Option } from "commander";
import { FailedCommand } from "../cli-error.ts";
import { print } from "../output.ts";
import { parseCount } from "../parse-count.ts";
import { withStopSignal } from "../stop-signal.ts";

interface LabCommandOptions {
  readonly method: "nat" | "dr" | "all";
  readonly keep?: boolean;
  readonly clients: number;
  readonly requests: number;
  readonly json?: boolean;
  readonly remove?: string;
  readonly list?: boolean;
}

/** Adds the command to the program. */
export function addLabCommand(program: Command): void {
  const method = new Option("--method <method>", "forwarding method to show");
  program
    .command("lab")
    .description("build a network of clients, director and real servers on this machine and drive requests through it")
    .addOption(method.choices(["nat", "dr", "all"]).default("all"))
    .option("--clients <number>", "how many client addresses ask, 1–200", parseCount(200), 50)
    .option("--requests <number>", "how many requests each service gets", parseCount(1_000_000), 1_000)
    .option("--keep", "leave the network standing and say how to enter each host")
    .option("--json", "print the result as JSON")
    .option("--list", "list the labs that stand on this machine, and end")
    .option("--remove <name>", "remove a lab that was kept, and end")
    .action(lab);
}

async function lab(options: LabCommandOptions): Promise<void> {
  const { listLabs, removeLab, runLab } = await import("@yardmaster/lab");
  if (options.list === true) {
    for (const name of await listLabs()) print(name);
    return;
  }
  if (options.remove !== undefined) {
    await removeLab(options.remove);
    return;
  }
  const { passed } = await withStopSignal((signal) =>
    runLab({
      methods: options.method === "all" ? ["nat", "dr"] : [options.method],
      keep: options.keep === true,
      clients: options.clients,
      requests: options.requests,
      json: options.json === true,
      write: (text) => process.stdout.write(text),
      signal,
    }),
  );
  if (!passed) throw new FailedCommand(1);
}
