// Where the programs of a network namespace are pinned, so that they stay when the command that made them has ended.
import { rmdirSync } from "node:fs";
import { namespaceName } from "./state.ts";

const PINS = "/sys/fs/bpf/yardmaster/realserver";

/** The directory of this network namespace. */
export function pinDirectory(): string {
  return `${PINS}/${namespaceName()}`;
}

/** Removes a directory that holds nothing any more. */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw error;
  }
}
