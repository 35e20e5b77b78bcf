// `yardmaster lab`: a whole network on this machine (clients, router, director, real servers) and real traffic in it.
import { type Command, Option } from "commander";
import { FailedCommand } from "../cli-error.ts";
import { print } from "../output.ts";
import { parseCount } from "../parse-count.ts";
import { withStopSignal } from "../stop-signal.ts";

interface LabCommandOptions {
  readonly method: "nat" | "dr" | "all";
  readonly scenario?: "shares" | "mixed" | "all";
  readonly keep?: boolean;
  readonly simulate?: boolean;
  readonly clients: number;
  readonly requests: number;
  readonly json?: boolean;
  readonly remove?: string;
  readonly list?: boolean;
}

/** Adds the command to the program. */
export function addLabCommand(program: Command): void {
  const method = new Option("--method <method>", "forwarding method to show");
  const scenario = new Option(
    "--scenario <scenario>",
    "shares: how requests are shared out; mixed: long and short connections at least-connection schedulers " +
      "(default: all; with --keep: shares)",
  );
  program
    .command("lab")
    .description("build a network of clients, director and real servers on this machine and drive requests through it")
    .addOption(method.choices(["nat", "dr", "all"]).default("all"))
    .addOption(scenario.choices(["shares", "mixed", "all"]))
    .option("--clients <number>", "how many client addresses ask, 1–200", parseCount(200), 50)
    .option(
      "--requests <number>",
      "how many requests each service of the scenario shares gets",
      parseCount(1_000_000),
      1_000,
    )
    .option("--keep", "leave the network standing and say how to enter each host")
    .option("--simulate", "no kernel: interpreted bytecode on a simulated network; so too without root or Linux")
    .option("--json", "print the result as JSON")
    .option("--list", "list the labs that stand on this machine, and end")
    .option("--remove <name>", "remove a lab that was kept, and end")
    .action(lab);
}

async function lab(options: LabCommandOptions): Promise<void> {
  if (options.list === true) {
    const { listLabs } = await import("@yardmaster/lab");
    for (const name of await listLabs()) print(name);
    return;
  }
  if (options.remove !== undefined) {
    const { removeLab } = await import("@yardmaster/lab");
    await removeLab(options.remove);
    return;
  }
  const { passed } = await withStopSignal((signal) => runSomeLab(options, signal));
  if (!passed) throw new FailedCommand(1);
}

/** Runs the real lab where it can run. Elsewhere the simulated one, which needs nothing that only Linux has. */
async function runSomeLab(options: LabCommandOptions, signal: AbortSignal): Promise<{ readonly passed: boolean }> {
  const scenario = options.scenario ?? (options.keep === true ? "shares" : "all");
  const run = {
    methods: options.method === "all" ? (["nat", "dr"] as const) : [options.method],
    scenarios: scenario === "all" ? (["shares", "mixed"] as const) : [scenario],
    keep: options.keep === true,
    clients: options.clients,
    requests: options.requests,
    json: options.json === true,
    write: (text: string) => process.stdout.write(text),
    signal,
  };
  const { reasonToSimulate, runSimulatedLab } = await import("@yardmaster/lab/simulated");
  const isAsked = options.simulate === true;
  const reason = reasonToSimulate({ isAsked, platform: process.platform, userId: process.getuid?.() });
  if (reason !== undefined) return runSimulatedLab({ ...run, reason });
  const { runLab } = await import("@yardmaster/lab");
  return runLab(run);
}
