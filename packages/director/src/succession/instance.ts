// A director's place in the bpf file system, by the name of its instance: what outlives the process is pinned there,
// and one process at a time holds it.

import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { ensurePinDirectory } from "@yardmaster/ebpf/kernel";
import { tryLock } from "@yardmaster/linux";
import { DirectorError } from "../errors.ts";

/** Where systems mount the bpf file system, and below it everything of ours. */
const ROOT = "/sys/fs/bpf/yardmaster";
const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** Of a machine that is not told otherwise. */
export const defaultInstance = "default";

/** An instance that is held. */
export interface Instance extends Disposable {
  readonly name: string;
  /** Path of its directory. */
  readonly directory: string;
}

/**
 * Takes the instance `name` of this network namespace. Throws a DirectorError: YM_INSTANCE_NAME, or YM_INSTANCE_BUSY
 * where another process has it.
 */
export function takeInstance(name: string): Instance {
  const directory = directoryOf(name);
  ensurePinDirectory(directory);
  const lock = tryLock(directory);
  if (lock === undefined) {
    throw new DirectorError("YM_INSTANCE_BUSY", `starting instance "${name}": another director runs it already`, {
      hint: "stop that one first, or give this one a name of its own with --instance",
    });
  }
  return { name, directory, [Symbol.dispose]: () => lock.close() };
}

/** Where instances keep what the next director must know and the maps do not say. */
export const defaultStateDirectory = "/var/lib/yardmaster";

/** Of one instance, below the directory for all of them. */
export function stateDirectoryOf({ directory }: Pick<Instance, "directory">, all: string): string {
  return join(all, basename(directory));
}

/** The directory of an instance: other network namespaces than the first have instances of their own. */
export function directoryOf(name: string): string {
  if (!NAME.test(name)) {
    throw new DirectorError("YM_INSTANCE_NAME", `naming an instance: "${name}"`, {
      hint: "1–32 small letters, digits and dashes, beginning with a letter or digit",
    });
  }
  return isFirstNamespace() ? `${ROOT}/${name}` : `${ROOT}/${name}@${statSync("/proc/thread-self/ns/net").ino}`;
}

/** The instances of this network namespace that there is something of, but for the one at `directory`. */
export function otherInstances(directory: string | undefined): readonly Pick<Instance, "name" | "directory">[] {
  if (!existsSync(ROOT)) return [];
  const [, suffix] = splitName(basename(directoryOf(defaultInstance)));
  return readdirSync(ROOT).flatMap((entry) => {
    const [name, own] = splitName(entry);
    const other = join(ROOT, entry);
    return own === suffix && other !== directory ? [{ name, directory: other }] : [];
  });
}

function splitName(entry: string): readonly [name: string, namespace: string] {
  const [name = "", namespace = ""] = entry.split("@");
  return [name, namespace];
}

/**
 * Whether this is the machine's first network namespace, by a setting that only that one has
 * (net/core/sysctl_net_core.c registers `net_core_table` for init_net alone): who may not look at process 1 gets the
 * same answer as root.
 */
function isFirstNamespace(): boolean {
  return existsSync("/proc/sys/net/core/netdev_max_backlog");
}
