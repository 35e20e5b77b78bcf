// `yardmaster check`: everything that is wrong with a configuration file, without touching anything.
import type { Command } from "commander";
import { CliError, FailedCommand } from "../cli-error.ts";
import { loadConfiguration } from "../load-configuration.ts";
import { print, printJson, printNote } from "../output.ts";

interface CheckOptions {
  readonly file?: string;
  readonly offline?: boolean;
  readonly json?: boolean;
  readonly schema?: boolean;
}

/** Adds the command to the program. */
export function addCheckCommand(program: Command): void {
  program
    .command("check")
    .description("check a configuration file: all faults at once; nothing is changed")
    .option("-f, --file <file>", "configuration file")
    .option("--offline", "check the file alone, not against this machine's interfaces and routes")
    .option("--json", "print the result as JSON")
    .option("--schema", "print the JSON Schema of configuration files, for editors, and end")
    .action(check);
}

async function check(options: CheckOptions): Promise<void> {
  const { ConfigurationError, configurationJsonSchema, findMissingPrivileges, formatFaults } = await import(
    "@yardmaster/director"
  );
  if (options.schema === true) {
    printJson(configurationJsonSchema());
    return;
  }
  if (options.file === undefined) {
    throw new CliError("YM_CLI_USAGE", "check needs a configuration file: -f FILE", { status: 2 });
  }
  const network = options.offline === true ? "none" : "this machine";
  try {
    const { configuration, warnings } = await loadConfiguration(options.file, { network });
    if (options.json === true) {
      printJson({ ok: true, faults: warnings });
      return;
    }
    if (warnings.length > 0) printNote(formatFaults(warnings));
    const servers = configuration.services.reduce((sum, service) => sum + service.servers.length, 0);
    print(`${options.file}: good: ${plural(configuration.services.length, "service")}, ${plural(servers, "server")}`);
  } catch (error) {
    if (options.json !== true || !(error instanceof ConfigurationError)) throw error;
    printJson({ ok: false, faults: error.faults });
    throw new FailedCommand(2);
  }
  const missing = network === "none" ? undefined : await findMissingPrivileges();
  if (missing !== undefined) printNote(`note: to run it more rights are needed: ${missing}`);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
