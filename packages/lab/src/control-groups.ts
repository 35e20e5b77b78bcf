// A control group of version 2 for each real server: `yardmaster realserver up` gives clients' addresses back to the
// programs in one, and on one machine every server of the lab needs its own.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

import { LabError } from "./lab-error.ts";

/** Makes the group of a host of a lab's run; returns its path. */
export function createControlGroup(lab: string, run: string, host: string): string {
  const path = join(hierarchy(), lab, `${run}-${host}`);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Removes all groups of a lab, whose processes have ended. */
export function removeControlGroups(lab: string): void {
  const root = findHierarchy();
  const folder = root === undefined ? "" : join(root, lab);
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) rmdirSync(join(folder, entry.name));
  }
  rmdirSync(folder);
}

function hierarchy(): string {
  const found = findHierarchy();
  if (found !== undefined) return found;
  const advice = "mount them: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified";
  const what = "this machine has no control groups of version 2 mounted";
  throw new LabError("YM_LAB_NOT_PERMITTED", `preparing real servers: ${what}; ${advice}`);
}

/** Where the hierarchy is mounted: fields 2 and 3 of /proc/self/mounts are place and type (proc_pid_mounts(5)). */
function findHierarchy(): string | undefined {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return mounts.map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2")?.[1];
}
