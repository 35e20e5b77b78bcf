// `yardmaster run`: the director, in the foreground, until SIGINT or SIGTERM; on SIGHUP it reads its file
// again. Packets go on without it.
import type { ApiAccess, ApiSettings, Report } from "@yardmaster/director";
import { type Command, Option } from "commander";
import { CliError } from "../cli-error.ts";
import { loadConfiguration } from "../load-configuration.ts";
import { readTextFile } from "../read-file.ts";
import { type LogWishes, openRunLog, withLog } from "../run-log.ts";
import { withStopSignal } from "../stop-signal.ts";
import { watchForChange } from "../watch-for-change.ts";

interface RunOptions extends LogWishes {
  readonly file: string;
  readonly socket?: string;
  readonly instance: string;
  readonly ephemeral?: true;
  readonly watch?: true;
  readonly stateDirectory?: string;
  readonly api?: string;
  readonly apiTokenFile?: string;
  readonly apiCertificate?: string;
  readonly apiKey?: string;
  readonly apiClientCa?: string;
  readonly apiGroup?: string;
}

/** Adds the command to the program. */
export function addRunCommand(program: Command, version: string): void {
  program
    .command("run")
    .description("run the director until it is stopped (Ctrl-C, SIGTERM)")
    .requiredOption("-f, --file <file>", "configuration file")
    .option("--socket <path>", "Unix socket to answer on (default: YARDMASTER_SOCKET, /run/yardmaster/default.sock)")
    .option(
      "--instance <name>",
      "what it is kept under when it ends, and found again by the next; another has its own socket",
      "default",
    )
    .option("--ephemeral", "keep nothing: programs and connections end with it")
    .option("--watch", "apply the file whenever it changes, as on SIGHUP")
    .addOption(
      new Option("--log <format>", "how the log is written: auto is journal where systemd reads it, else text")
        .choices(["auto", "text", "journal", "json"])
        .default("auto"),
    )
    .addOption(
      new Option("--log-level <level>", "what is not written is less than this")
        .choices(["error", "warning", "notice", "info"])
        .default("info"),
    )
    .option("--state-directory <path>", "where it keeps what a restart must know (default: /var/lib/yardmaster)")
    .option("--api-group <group>", "who may use the API's Unix socket besides its owner: a group's name or number")
    .option("--api <address:port>", "hear the API over TCP, too, from those with a token or a client certificate")
    .option("--api-token-file <file>", "the tokens that count over TCP, one a line")
    .option("--api-certificate <file>", "speak TLS there with this certificate (PEM)")
    .option("--api-key <file>", "and its key (PEM)")
    .option("--api-client-ca <file>", "clients count whose certificates these vouch for (PEM)")
    .action(async (options: RunOptions) => {
      const log = await openRunLog(options);
      await withLog(log, () => run(options, version, log.report));
    });
}

/** Who else may use the API: as the command line says, and where that says nothing of it as the file says. */
function apiAccess(options: RunOptions, { listen, group, ...files }: ApiSettings = {}): ApiAccess {
  const { api, apiTokenFile, apiCertificate, apiKey, apiClientCa } = options;
  const ownFiles = {
    ...{ tokenFile: apiTokenFile, certificateFile: apiCertificate, keyFile: apiKey, clientCaFile: apiClientCa },
  };
  const own = Object.fromEntries(Object.entries(ownFiles).filter(([, file]) => file !== undefined));
  const where = api ?? listen;
  if (where === undefined && Object.keys(own).length > 0) {
    throw new CliError("YM_CLI_USAGE", "how the API is heard over TCP is said, but not where", {
      ...{ status: 2, hint: "add --api 127.0.0.1:9400" },
    });
  }
  const tcp = where === undefined ? {} : { tcp: { listen: where, ...files, ...own } };
  return { group: options.apiGroup ?? group, ...tcp };
}

async function run(options: RunOptions, version: string, report: Report): Promise<void> {
  const director = await import("@yardmaster/director");
  const { findMissingPrivileges, formatFaults, maximumFileLength, resolveSocketPath, runDirector } = director;
  director.saveMemory();
  const { configuration, warnings, text } = await loadConfiguration(options.file, { network: "this machine" });
  if (warnings.length > 0) report(formatFaults(warnings), { level: "warning" });
  const missing = await findMissingPrivileges();
  if (missing !== undefined) throw new CliError("YM_CLI_PRIVILEGES", missing);
  director.giveBackMemory();
  await withStopSignal(
    (signal) =>
      runDirector({
        ...{ configuration, text, fileName: options.file },
        ...(options.ephemeral === true ? {} : { instance: options.instance }),
        stateDirectory: options.stateDirectory ?? director.defaultStateDirectory,
        socketPath: resolveSocketPath(options),
        api: apiAccess(options, configuration.api),
        reload: {
          listen: (listener) => listen(options, listener),
          read: () => readTextFile(options.file, maximumFileLength),
        },
        version,
        signal,
        report,
      }),
    ["SIGINT", "SIGTERM"],
    (name) => report(`stopping: ${name}`, { level: "notice", cause: name }),
  );
}

/** Calls `listener` on SIGHUP and, where the file is watched, when it changes. */
function listen({ file, watch }: RunOptions, listener: (cause: string) => void): () => void {
  const onSignal = () => listener("SIGHUP");
  process.on("SIGHUP", onSignal);
  const unwatch = watch === true ? watchForChange(file, () => listener(`${file} changed`)) : undefined;
  return () => {
    process.off("SIGHUP", onSignal);
    unwatch?.();
  };
}
