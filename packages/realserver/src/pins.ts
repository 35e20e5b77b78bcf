// Where the programs of a network namespace are pinned, so that they stay when the command that made them has ended.
import { rmdirSync, statSync } from "node:fs";

const PINS = "/sys/fs/bpf/yardmaster/realserver";

/** This network namespace, as a name for files: its number is that of the namespace file (nsfs). */
export function namespaceName(): string {
  return `net-${statSync("/proc/thread-self/ns/net").ino}`;
}

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
