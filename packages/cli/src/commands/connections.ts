// `yardmaster connections`: the entries of the running director's connection table, and the templates of persistent
// clients.
import type { ConnectionRow } from "@yardmaster/director/api";
import type { Command } from "commander";
import { addDirectorOptions, clientFor, type SocketOptions } from "../director-client.ts";
import { printNote, printOn } from "../output.ts";
import { parseCount } from "../parse-count.ts";
import { type Column, formatElapsed, GrowingTable } from "../table.ts";

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

/** Rows that are laid out together. */
const BLOCK = 1000;
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
  const rows = (await clientFor(options)).eachConnection(options.limit);
  if (options.json === true) return await printList(rows);
  const shown = await printTable(rows);
  if (shown === options.limit) printNote(`(the first ${shown}; --limit shows more)`);
}

/** Prints rows as one JSON array, as they come. */
async function printList(rows: AsyncIterable<ConnectionRow>): Promise<void> {
  let open = "[";
  for await (const block of blocksOf(rows)) {
    const texts = block.map((row) => `  ${JSON.stringify(row, undefined, 2).replaceAll("\n", "\n  ")}`);
    // The line before has no end yet: it is not known whether it is the last.
    if (!(await printOn(`${open}\n${texts.join(",\n")}`, { end: "" }))) return;
    open = ",";
  }
  await printOn(open === "[" ? "[]" : "\n]");
}

/** Prints rows as a table, block by block; says how many. */
async function printTable(rows: AsyncIterable<ConnectionRow>): Promise<number> {
  const tables = tablesOfConnections();
  let shown = 0;
  for await (const block of blocksOf(rows)) {
    shown += block.length;
    if (!(await printOn(formatConnections(block, tables)))) return shown;
  }
  if (shown === 0) await printOn(formatConnections([], tables));
  return shown;
}

async function* blocksOf(rows: AsyncIterable<ConnectionRow>): AsyncGenerator<readonly ConnectionRow[]> {
  let block: ConnectionRow[] = [];
  for await (const row of rows) {
    block.push(row);
    if (block.length < BLOCK) continue;
    yield block;
    block = [];
  }
  if (block.length > 0) yield block;
}

/** Tables for rows with a local end among them, and without. */
function tablesOfConnections() {
  return { with: new GrowingTable(columnsFor(true)), without: new GrowingTable(columnsFor(false)) };
}

/** Rows as the lines of a table, with its headings if they are its first. */
export function formatConnections(rows: readonly ConnectionRow[], tables = tablesOfConnections()): string {
  const hasLocal = rows.some(({ local }) => local !== undefined);
  return tables[hasLocal ? "with" : "without"].add(rows.map((row) => cellsOf(row, hasLocal)));
}

function columnsFor(hasLocal: boolean): readonly Column[] {
  return hasLocal ? columns.toSpliced(LOCAL_AT, 0, { heading: "LOCAL", align: "left" }) : columns;
}

function cellsOf(row: ConnectionRow, hasLocal: boolean): readonly string[] {
  const { protocol, state, expiresInMs, client, virtual, local = "", destination, service } = row;
  const ends = [client, virtual, ...(hasLocal ? [local] : []), destination];
  return [protocol, state, formatElapsed(expiresInMs), ...ends, service];
}
