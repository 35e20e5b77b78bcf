// `yardmaster import keepalived FILE` and `import ipvsadm FILE`: our YAML on stdout, and on stderr every line of the
// file that was not carried over.
import { globSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import type { Imported, IncludedFile } from "@yardmaster/leaving-ipvs";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { localNames } from "../local-names.ts";
import { print, printNote } from "../output.ts";
import { fileProblem, readTextFile } from "../read-file.ts";

interface ImportOptions {
  readonly output?: string;
  readonly configId?: string;
}

const LARGEST_FILE = 8 * 1024 * 1024;

/** Adds the command and its two kinds to the program. */
export function addImportCommand(program: Command): void {
  const command = program.command("import").description("make a configuration of what IPVS users have");
  const output = "-o, --output <file>";
  const outputMeaning = "write the configuration here instead of to stdout";
  command
    .command("keepalived")
    .description("of the virtual servers of a keepalived.conf")
    .argument("<file>", "keepalived.conf; what it includes is read as well")
    .option(output, outputMeaning)
    .option("--config-id <id>", "as keepalived's own: which of the lines that begin with @ID are meant")
    .action(importKeepalivedFile);
  command
    .command("ipvsadm")
    .description("of the output of `ipvsadm -S -n`, or of a script of ipvsadm commands")
    .argument("<file>", "the file; /dev/stdin to pipe it")
    .option(output, outputMeaning)
    .action(importIpvsadmFile);
}

async function importKeepalivedFile(fileName: string, options: ImportOptions): Promise<void> {
  const { importKeepalived } = await import("@yardmaster/leaving-ipvs");
  const text = await readTextFile(fileName, LARGEST_FILE);
  const configId = options.configId === undefined ? {} : { configId: options.configId };
  await write(importKeepalived(text, fileName, { ...configId, include: readIncluded }), fileName, options);
}

async function importIpvsadmFile(fileName: string, options: ImportOptions): Promise<void> {
  const { importIpvsadm } = await import("@yardmaster/leaving-ipvs");
  const text = await readTextFile(fileName, LARGEST_FILE);
  await write(importIpvsadm(text, fileName, localNames()), fileName, options);
}

/** Files by a pattern that is relative to the file that includes them; undefined where one cannot be read. */
function readIncluded(pattern: string, file: string): readonly IncludedFile[] | undefined {
  const path = isAbsolute(pattern) ? pattern : resolve(dirname(file), pattern);
  try {
    const names = globSync(path).toSorted();
    const isTooLarge = names.some((name) => !statSync(name).isFile() || statSync(name).size > LARGEST_FILE);
    return isTooLarge ? undefined : names.map((name) => ({ name, text: readFileSync(name, "utf8") }));
  } catch {
    return undefined;
  }
}

async function write(imported: Imported, fileName: string, { output }: ImportOptions): Promise<void> {
  const { formatNotCarried, toYaml } = await import("@yardmaster/leaving-ipvs");
  const { yaml, notCarried, services, servers } = toYaml(imported, fileName);
  if (output === undefined) print(yaml.trimEnd());
  else writeOutput(output, yaml);
  for (const each of notCarried) printNote(formatNotCarried(each));
  const missed = notCarried.length === 0 ? "everything was carried over" : `${notCarried.length} not carried over`;
  printNote(`${fileName}: services: ${services}, servers: ${servers}; ${missed}`);
}

function writeOutput(output: string, yaml: string): void {
  try {
    writeFileSync(output, yaml, { flag: "wx" });
  } catch (cause) {
    const isThere = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    const problem = isThere ? "it is there already" : fileProblem(cause);
    throw new CliError("YM_CLI_FILE", `writing ${output}: ${problem}`, { cause });
  }
}
