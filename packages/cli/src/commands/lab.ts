// `yardmaster lab`: a whole network on this machine (clients, router, director, real servers) and real traffic in it.
import type { LabEncapsulation, LabFamily, LabHook, LabMethod, LabScenario } from "@yardmaster/lab/choices";
import {
  choicesFor,
  labEncapsulations,
  labFamilies,
  labHooks,
  labMethods,
  labScenarios,
} from "@yardmaster/lab/choices";
import { type Command, Option } from "commander";
import { FailedCommand } from "../cli-error.ts";
import { addSoakCommand } from "./lab-soak.ts";
import { print } from "../output.ts";
import { parseCount } from "../parse-count.ts";
import { withStopSignal } from "../stop-signal.ts";

interface LabCommandOptions {
  readonly method?: LabMethod | "all";
  readonly scenario?: LabScenario | "containers" | "all";
  readonly family?: LabFamily | "all";
  readonly hook?: LabHook | "all";
  readonly encapsulation?: LabEncapsulation | "all";
  readonly unwrap?: "own" | "kernel";
  readonly all?: boolean;
  readonly keep?: boolean;
  readonly simulate?: boolean;
  readonly clients: number;
  readonly requests: number;
  readonly pcap?: string;
  readonly json?: boolean;
  readonly remove?: string;
  readonly list?: boolean;
}

/** Adds the command to the program. */
export function addLabCommand(program: Command): void {
  const oneOf = (name: string, words: readonly string[], meaning: string): Option =>
    new Option(`--${name} <${name}>`, meaning).choices([...words, "all"]);
  const command = program
    .command("lab")
    // What stands behind "soak" is soak's.
    .enablePositionalOptions()
    .description("build a network of clients, director and real servers on this machine and drive requests through it")
    .addOption(oneOf("method", labMethods, "forwarding method to show (default: all)"))
    .addOption(
      oneOf(
        "scenario",
        [...labScenarios, "containers"],
        "path: one request and its reply, hop by hop; shares: how requests are shared out, and such a path; mixed: " +
          "long and short connections at least-connection schedulers; tools: curl, nginx, iperf3 and dnsmasq " +
          "(default: a choice of them; with --keep: shares)",
      ),
    )
    .addOption(oneOf("family", labFamilies, "address family (default: mostly IPv4; with --keep: ipv4)"))
    .addOption(oneOf("hook", labHooks, "where the director's program is put (default: xdp)"))
    .addOption(oneOf("encapsulation", labEncapsulations, "what tun wraps packets in (default: one or the other)"))
    .addOption(
      new Option("--unwrap <way>", "what takes tunnels apart on the real servers (default: own)").choices([
        "own",
        "kernel",
      ]),
    )
    .option("--all", "every combination of all of these; takes minutes")
    .option("--clients <number>", "how many client addresses ask, 1–200", parseCount(200), 50)
    .option(
      "--requests <number>",
      "how many requests each service of the scenario shares gets",
      parseCount(1_000_000),
      300,
    )
    .option("--pcap <folder>", "where captures go, one file for Wireshark a run (default: a new folder in /tmp)")
    .option("--keep", "leave the network standing and say how to enter each host")
    .option("--simulate", "no kernel: interpreted bytecode on a simulated network; so too without root or Linux")
    .option("--json", "print the result as JSON")
    .option("--list", "list the labs that stand on this machine, and end")
    .option("--remove <name>", "remove a lab that was kept, and end")
    .action(lab);
  addSoakCommand(command);
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
  const keep = options.keep === true;
  const usual = options.all === true ? "all" : undefined;
  const run = {
    choices: choicesFor({
      method: options.method ?? usual,
      scenario: options.scenario ?? (keep ? "shares" : usual),
      family: options.family ?? (keep ? "ipv4" : usual),
      hook: options.hook ?? usual,
      encapsulation: options.encapsulation ?? usual,
    }),
    keep,
    clients: options.clients,
    requests: options.requests,
    unwrap: options.unwrap,
    json: options.json === true,
    write: (text: string) => process.stdout.write(text),
    signal,
  };
  const { reasonToSimulate, runSimulatedLab } = await import("@yardmaster/lab/simulated");
  const isAsked = options.simulate === true;
  const reason = reasonToSimulate({ isAsked, platform: process.platform, userId: process.getuid?.() });
  if (reason !== undefined) return runSimulatedLab({ ...run, reason });
  const { captureFolder, runLab } = await import("@yardmaster/lab");
  return runLab({ ...run, captureFolder: captureFolder(options.pcap) });
}
