// `yardmaster connections`: the entries of the running director's connection table, and the templates of persistent
// clients.
import type { ConnectionRow } from "@yardmaster/director/api";
import type { Command } from "commander";
import { addDirectorOptions, clientFor, type SocketOptions } from "../director-client.ts";
import { print, printJson, printNote } from "../output.ts";
import { parseCount } from "../parse-count.ts";
import { type Column, formatElapsed, formatTable } from "../table.ts";

interface ConnectionsOptions extends SocketOptions {
  readonly json?: boolean;
  readonly limit: number;
}

const columns: readonly Column[] = [
  { heading: "PROTOCOL", align: "left" },
  { heading: "STATE", align: "left" },
  { heading: "EXPIRES IN", align: "right" },
  { heading: "CLIENT", align: "left" },
  { heading: "VIRTUAL", align: "left" },
  { heading: "DESTINATION", align: "left" },
  { heading: "SERVICE", align: "left" },
];

/** Before DESTINATION. */
const LOCAL_AT = 5;

/** Adds the command to the program. */
export function addConnectionsCommand(program: Command): void {
  const command = program
    .command("connections")
    .description("list connections of the running director, and persistent clients")
    .option("--json", "print them as JSON")
    .option("--limit <number>", "show at most this many", parseCount(1_000_000), 100);
  addDirectorOptions(command).action(showConnections);
}

async function showConnections(options: ConnectionsOptions): Promise<void> {
  const rows = await (await clientFor(options)).connections(options.limit);
  if (options.json === true) printJson(rows);
  else {
    print(formatConnections(rows));
    if (rows.length === options.limit) printNote(`(the first ${rows.length}; --limit shows more)`);
  }
}

/** Rows as a text table. */
export function formatConnections(rows: readonly ConnectionRow[]): string {
  const hasLocal = rows.some(({ local }) => local !== undefined);
  const cells = rows.map((row) => [
    row.protocol,
    row.state,
    formatElapsed(row.expiresInMs),
    row.client,
    row.virtual,
    ...(hasLocal ? [row.local ?? ""] : []),
    row.destination,
    row.service,
  ]);
  return formatTable(hasLocal ? columns.toSpliced(LOCAL_AT, 0, { heading: "LOCAL", align: "left" }) : columns, cells);
}
