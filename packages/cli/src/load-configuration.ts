// Configuration file → checked configuration; the start of `run` and `check`.
import type { ParsedConfiguration } from "@yardmaster/director";
import { readTextFile } from "./read-file.ts";

/** What to check a file against: the file alone, or this machine's interfaces and routes too. */
export interface LoadOptions {
  readonly network: "this machine" | "none";
}

/** A checked configuration, and the text that it was read from. */
export interface LoadedConfiguration extends ParsedConfiguration {
  readonly text: string;
}

/** Reads and checks a file. Throws ConfigurationError with all of its faults, CliError if it can't be read. */
export async function loadConfiguration(fileName: string, options: LoadOptions): Promise<LoadedConfiguration> {
  const { expectWork, maximumFileLength, openNetwork, parseConfiguration } = await import("@yardmaster/director");
  const text = await readTextFile(fileName, maximumFileLength);
  expectWork(text.split("\n").length);
  const network = options.network === "none" ? {} : { network: await openNetwork() };
  return { ...parseConfiguration(text, fileName, network), text };
}
