// Reads a configuration file, at most as much of it as could be one.
import { createReadStream } from "node:fs";
import { CliError } from "./cli-error.ts";

/** The text of a file (also a pipe), which must be UTF-8 of at most `maximumBytes`. Throws CliError. */
export async function readTextFile(fileName: string, maximumBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of createReadStream(fileName)) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > maximumBytes) break;
    }
  } catch (cause) {
    throw new CliError("YM_CLI_FILE", `reading ${fileName}: ${reason(cause)}`, { status: 2, cause });
  }
  if (length > maximumBytes) {
    const message = `reading ${fileName}: it is larger than ${maximumBytes / 1024 / 1024} MB`;
    throw new CliError("YM_CLI_FILE", message, { status: 2 });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new CliError("YM_CLI_FILE", `reading ${fileName}: it is not UTF-8 text`, { status: 2, cause });
  }
}

function reason(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a directory";
  if (code === "EACCES") return "no permission";
  return cause instanceof Error ? cause.message : String(cause);
}
