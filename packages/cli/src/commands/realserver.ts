// `yardmaster realserver up|check|down`: what a real server needs so that directors can reach it, done and undone.
import { type Command, Option } from "commander";
import { CliError, FailedCommand } from "../cli-error.ts";
import { print, printJson, printNote } from "../output.ts";

interface CommonOptions {
  readonly json?: boolean;
  readonly stateDirectory?: string;
}

interface UpOptions extends CommonOptions {
  readonly service: readonly string[];
  readonly method: string;
  readonly director: readonly string[];
  readonly interface?: string;
  readonly cgroup?: string;
  readonly unwrap?: string;
  readonly guePort?: string;
  readonly mssClamp?: string;
}

const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value];

/** Adds the command to the program. */
export function addRealServerCommand(program: Command): void {
  const command = program
    .command("realserver")
    .description("make this machine a real server: virtual addresses without ARP, unwrapping, the client's address");
  const up = command
    .command("up")
    .description("make it so; may be repeated, and replaces what it was told before")
    .option("--service <service>", "ADDRESS[:PORT][/tcp|/udp], [ADDRESS]:PORT for IPv6; may be repeated", collect, [])
    .addOption(new Option("--method <method>", "how directors reach this server: dr, tun, fullnat, nat").default("dr"))
    .option("--director <address>", "address or prefix that may send tunnels or name clients; repeated", collect, [])
    .option("--interface <name>", "where their packets come in (default: the way to the directors)")
    .option("--unwrap <how>", "own: by a program, kernel: by devices, ipip and plain gre only (default: own)")
    .option("--gue-port <port>", "UDP port of tunnels that use GUE (default: 6080)")
    .option("--mss-clamp <size>", "largest TCP payload for clients of tunnels: auto, off or bytes (default: auto)")
    .option("--cgroup <path>", "control group whose programs are told clients' addresses (default: the root)");
  const check = command.command("check").description("try every part of it and say what was tried and seen");
  const down = command.command("down").description("put everything back as it was");
  for (const each of [up, check, down]) {
    each
      .option(
        "--state-directory <path>",
        "where what was changed is written down (default: /run/yardmaster/realserver)",
      )
      .option("--json", "print the result as JSON");
  }
  up.action(bringUp);
  check.action(tryAll);
  down.action(bringDown);
}

async function bringUp(options: UpOptions): Promise<void> {
  const realServer = await import("@yardmaster/realserver");
  const { json, stateDirectory = realServer.DEFAULT_STATE_DIRECTORY, ...texts } = options;
  const { changes, found, notes } = withUsage(realServer, () => realServer.up(texts, stateDirectory));
  if (json === true) {
    printJson({ changes, found, notes });
    return;
  }
  for (const note of notes) printNote(`note: ${note}`);
  for (const change of changes) print(`set    ${realServer.describeChange(change)}`);
  for (const change of found) print(`found  ${realServer.describeChange(change)}`);
  if (changes.length + found.length === 0) print("nothing to set");
}

const SIGNS = { good: "✓", bad: "✗", unknown: "?" } as const;

async function tryAll({ json, stateDirectory }: CommonOptions): Promise<void> {
  const { check, DEFAULT_STATE_DIRECTORY } = await import("@yardmaster/realserver");
  const findings = check(stateDirectory ?? DEFAULT_STATE_DIRECTORY);
  if (json === true) printJson(findings);
  else {
    for (const { outcome, part, tried, seen, advice } of findings) {
      print(`${SIGNS[outcome]} ${part}\n    tried: ${tried}\n    seen:  ${seen}`);
      if (advice !== undefined) print(`    do:    ${advice}`);
    }
  }
  if (findings.some(({ outcome }) => outcome === "bad")) throw new FailedCommand(1);
}

async function bringDown({ json, stateDirectory }: CommonOptions): Promise<void> {
  const { DEFAULT_STATE_DIRECTORY, describeChange, down } = await import("@yardmaster/realserver");
  const { takenBack, notes } = down(stateDirectory ?? DEFAULT_STATE_DIRECTORY);
  if (json === true) {
    printJson({ takenBack, notes });
    return;
  }
  for (const note of notes) printNote(`note: ${note}`);
  for (const change of takenBack) print(`put back  ${describeChange(change)}`);
  if (takenBack.length + notes.length === 0) print("nothing to put back");
}

/** Wrong options end with status 2, as everywhere. */
function withUsage<T>({ RealServerError }: typeof import("@yardmaster/realserver"), run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof RealServerError) || error.code !== "YM_REALSERVER_USAGE") throw error;
    throw new CliError(error.code, error.message, { status: 2, cause: error });
  }
}
