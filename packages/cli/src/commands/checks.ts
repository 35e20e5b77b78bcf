// `yardmaster checks`: the health checks of the running director, and of one server its last exchanges.
import type { CheckStatus } from "@yardmaster/director/api";
import type { Command } from "commander";
import { addDirectorOptions, clientFor, type SocketOptions } from "../director-client.ts";
import { print, printJson, printNote } from "../output.ts";
import { type Column, formatTable } from "../table.ts";

interface ChecksOptions extends SocketOptions {
  readonly json?: boolean;
}

const columns: readonly Column[] = [
  { heading: "SERVER", align: "left" },
  { heading: "CHECK", align: "left" },
  { heading: "VIA", align: "left" },
  { heading: "STATE", align: "left" },
  { heading: "SERVICES", align: "left" },
  { heading: "TOOK", align: "right" },
  { heading: "LAST ANSWER", align: "left" },
];
const exchangeColumns: readonly Column[] = [
  { heading: "TIME", align: "left" },
  { heading: "ANSWER", align: "left" },
  { heading: "TOOK", align: "right" },
  { heading: "REASON", align: "left" },
];

/** Adds the command to the program. */
export function addChecksCommand(program: Command): void {
  const command = program
    .command("checks")
    .description("show the health checks of the running director")
    .argument("[address]", "only those of this server, with their last exchanges")
    .option("--json", "print them as JSON");
  addDirectorOptions(command).action(showChecks);
}

async function showChecks(address: string | undefined, options: ChecksOptions): Promise<void> {
  const all = await (await clientFor(options)).checks();
  const shown = address === undefined ? all : all.filter((check) => check.address === address);
  if (options.json === true) printJson(shown);
  else if (shown.length === 0) printNote(address === undefined ? "(no checks)" : `(no checks of ${address})`);
  else print(address === undefined ? formatChecks(shown) : shown.map(formatCheck).join("\n\n"));
}

/** Checks as a text table, by server. */
export function formatChecks(checks: readonly CheckStatus[]): string {
  const order = (check: CheckStatus) => `${serverOf(check)} ${check.check}`;
  const rows = checks.toSorted((a, b) => order(a).localeCompare(order(b), "en", { numeric: true }));
  return formatTable(columns, rows.map(cellsOf));
}

function cellsOf(check: CheckStatus): string[] {
  const last = check.exchanges.at(-1);
  return [
    serverOf(check),
    check.check,
    check.via,
    stateOf(check),
    [...new Set(check.servers.map(({ service }) => service))].join(", "),
    last === undefined ? "" : milliseconds(last.durationMs),
    last?.reason ?? "none yet",
  ];
}

/** A check with its exchanges, the newest first. */
export function formatCheck(check: CheckStatus): string {
  const { via, intervalMs, timeoutMs, rise, fall } = check;
  const title = `${serverOf(check)}  ${check.check}  ${stateOf(check)}`;
  const pace = `every ${intervalMs} ms, timeout ${timeoutMs} ms, rise ${rise}, fall ${fall}, via ${via}`;
  const rows = check.exchanges
    .toReversed()
    .map(({ atMs, outcome, durationMs, reason, hint }) => [
      new Date(atMs).toISOString(),
      outcome,
      milliseconds(durationMs),
      hint === undefined ? reason : `${reason} (asked sooner: ${hint})`,
    ]);
  return `${title}\n${pace}\n${formatTable(exchangeColumns, rows)}`;
}

function serverOf({ address, port }: CheckStatus): string {
  if (port === 0) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** With how far it is from the other state: `UP (1 of 3 bad)`. */
function stateOf({ isUp, against, rise, fall }: CheckStatus): string {
  const towards = isUp ? `${against} of ${fall} bad` : `${against} of ${rise} good`;
  return `${isUp ? "UP" : "DOWN"}${against === 0 ? "" : ` (${towards})`}`;
}

function milliseconds(durationMs: number): string {
  return `${durationMs < 100 ? durationMs.toFixed(1) : Math.round(durationMs)} ms`;
}
