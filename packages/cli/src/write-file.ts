// Files that people name are written whole or not at all, and stay what they were: where they are, whose, and who may
// read them.
import { chmodSync, chownSync, realpathSync, renameSync, rmSync, type Stats, statSync, writeFileSync } from "node:fs";
import { CliError } from "./cli-error.ts";
import { fileProblem } from "./read-file.ts";

/** Puts a text in the place of a file's, or of the one that a symbolic link leads to. Throws CliError. */
export function writeWhole(file: string, text: string): void {
  try {
    const former = statSync(file, { throwIfNoEntry: false });
    // A link is followed: what takes its own place would no longer be what it leads to.
    replace(former === undefined ? file : realpathSync(file), text, former);
  } catch (cause) {
    throw new CliError("YM_CLI_FILE", `writing ${file}: ${fileProblem(cause)}`, { cause });
  }
}

function replace(path: string, text: string, former: Stats | undefined): void {
  const next = `${path}.next`;
  try {
    writeFileSync(next, text, { flush: true });
    if (former !== undefined) {
      chmodSync(next, former.mode & 0o7777);
      if (process.getuid?.() === 0) chownSync(next, former.uid, former.gid);
    }
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}
