// The restrictions of packaging/yardmaster.service without systemd: its capabilities and no others, a user that is not
// root, no new privileges, and a bpf file system in which a folder is the user's.
import type { ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DirectorHost } from "./director-host.ts";

const unit = readFileSync(resolve(import.meta.dirname, "../../packaging/yardmaster.service"), "utf8");
/** A user that owns nothing else. */
const user = 64_999;

/** A place where services of that user run. */
export interface Restricted {
  /** A folder that is the user's. */
  readonly folder: string;
  /** Starts a command as the unit would. */
  asService(words: readonly string[]): ChildProcess;
  /** Starts a command as root, among the same file systems. */
  asRoot(words: readonly string[]): ChildProcess;
}

/** Makes such a place on a director's host; it ends with the host. */
export async function restrict(host: DirectorHost): Promise<Restricted> {
  const folder = join(host.folder, "service");
  mkdirSync(folder);
  chownSync(folder, user, user);
  chmodSync(host.folder, 0o755);
  const mounts = `mount --make-rprivate / && mount -t bpf bpf /sys/fs/bpf && mkdir -m 0700 /sys/fs/bpf/yardmaster &&
    chmod o+x /sys/fs/bpf && chown ${user}:${user} /sys/fs/bpf/yardmaster && echo mounted && exec sleep infinity`;
  const holder = host.spawn("director", ["unshare", "-m", "sh", "-c", mounts]);
  await new Promise((mounted) => holder.stdout?.once("data", mounted));
  const asRoot = (words: readonly string[]): ChildProcess => {
    return host.spawn("director", ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`, ...words]);
  };
  const granted = capabilities();
  const restrictions = [
    ...[`--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs"],
    ...["bounding-set", "inh-caps", "ambient-caps"].map((set) => `--${set}=-all,${granted}`),
  ];
  return { folder, asRoot, asService: (words) => asRoot(["setpriv", ...restrictions, ...words]) };
}

/** What the unit grants, in setpriv's words. */
function capabilities(): string {
  const [, names = ""] = /^AmbientCapabilities=(.*)$/m.exec(unit) ?? [];
  return names
    .split(" ")
    .map((name) => `+${name.replace("CAP_", "").toLowerCase()}`)
    .join(",");
}
