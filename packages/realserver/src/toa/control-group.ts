// Where the control groups of version 2 are: at /sys/fs/cgroup, or beside those of version 1 on hybrid systems.
import { statfsSync } from "node:fs";
import { RealServerError } from "../errors.ts";

/** CGROUP2_SUPER_MAGIC (include/uapi/linux/magic.h). */
const CGROUP2_MAGIC = 0x63677270;
/** Where systemd mounts the hierarchy, alone and beside those of version 1. */
const MOUNT_POINTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/** The root of the hierarchy. Throws a RealServerError where none is mounted. */
export function findControlGroup(): string {
  const found = MOUNT_POINTS.find(isControlGroup);
  if (found !== undefined) return found;
  const advice = "mount them: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified";
  const message = `looking for control groups of version 2: none at ${MOUNT_POINTS.join(" or ")}; ${advice}`;
  throw new RealServerError("YM_REALSERVER_CGROUP", message);
}

function isControlGroup(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_MAGIC;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
