// `yardmaster status`: services and their servers as the running director sees them.
import type { Command } from "commander";
import { formatRates } from "../format-rates.ts";
import { formatStatus } from "../format-status.ts";
import { print, printJson } from "../output.ts";

interface StatusOptions {
  readonly json?: boolean;
  readonly rate?: true;
  readonly socket?: string;
}

/** Adds the command to the program. */
export function addStatusCommand(program: Command): void {
  program
    .command("status")
    .description("show the services of the running director: connections, packets and bytes per server")
    .option("--json", "print the whole snapshot as JSON")
    .option("--rate", "show what happens in a second, as ipvsadm -L --rate does")
    .option("--socket <path>", "Unix socket of the director (default: YARDMASTER_SOCKET, /run/yardmaster/default.sock)")
    .action(showStatus);
}

async function showStatus(options: StatusOptions): Promise<void> {
  const { createClient, resolveSocketPath } = await import("@yardmaster/director");
  const status = await createClient(resolveSocketPath(options.socket)).status();
  if (options.json === true) printJson(status);
  else if (options.rate === true) print(formatRates(status.services));
  else print(formatStatus(status, Date.now()));
}
