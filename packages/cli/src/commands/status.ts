// `yardmaster status`: services and their servers as the running director sees them.
import type { Command } from "commander";
import { formatRates } from "../format-rates.ts";
import { formatStatus } from "../format-status.ts";
import { addDirectorOptions, clientFor, type SocketOptions } from "../director-client.ts";
import { print, printJson } from "../output.ts";

interface StatusOptions extends SocketOptions {
  readonly json?: boolean;
  readonly rate?: true;
}

/** Adds the command to the program. */
export function addStatusCommand(program: Command): void {
  const command = program
    .command("status")
    .description("show the services of the running director: connections, packets and bytes per server")
    .option("--json", "print the whole snapshot as JSON")
    .option("--rate", "show what happens in a second, as ipvsadm -L --rate does");
  addDirectorOptions(command).action(showStatus);
}

async function showStatus(options: StatusOptions): Promise<void> {
  const status = await (await clientFor(options)).status();
  if (options.json === true) printJson(status);
  else if (options.rate === true) print(formatRates(status.services));
  else print(formatStatus(status, Date.now()));
}
