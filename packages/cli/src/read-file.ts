// Reads files that people name, at most as much of each as could be one of its kind.
import { createReadStream } from "node:fs";
import { CliError } from "./cli-error.ts";

/**
 * The text of a file (also a pipe; `-` is the standard input), which must be UTF-8 of at most `maximumBytes`. Throws
 * CliError.
 */
export async function readTextFile(fileName: string, maximumBytes: number): Promise<string> {
  const bytes = await readBytes(fileName, maximumBytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CliError("YM_CLI_FILE", `reading ${fileName}: it is not UTF-8 text`, { status: 2, cause });
  }
}

/** The bytes of a file (also a pipe; `-` is the standard input), at most `maximumBytes`. Throws CliError. */
export async function readBytes(fileName: string, maximumBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of fileName === "-" ? process.stdin : createReadStream(fileName)) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > maximumBytes) break;
    }
  } catch (cause) {
    throw new CliError("YM_CLI_FILE", `reading ${fileName}: ${fileProblem(cause)}`, { status: 2, cause });
  }
  if (length > maximumBytes) {
    const message = `reading ${fileName}: it is larger than ${maximumBytes / 1024 / 1024} MB`;
    throw new CliError("YM_CLI_FILE", message, { status: 2 });
  }
  return Buffer.concat(chunks);
}

/** What is wrong with a file, in words, from the error that the system gave. */
export function fileProblem(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a directory";
  if (code === "EACCES") return "no permission";
  return cause instanceof Error ? cause.message : String(cause);
}
