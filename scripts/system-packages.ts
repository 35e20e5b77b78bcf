// The system packages that parts of the repository need, and their installation on Debian. Used by the scripts that
// start those parts, so that a bare machine with only Node and npm gets what it lacks, once and quietly.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The Debian package that brings each command. */
const PACKAGE_OF = {
  bpftool: "bpftool",
  curl: "curl",
  // Without its service, which would take port 53 of this machine.
  dnsmasq: "dnsmasq-base",
  ip: "iproute2",
  iperf3: "iperf3",
  nginx: "nginx-light",
  openssl: "openssl",
  "qemu-system-x86_64": "qemu-system-x86",
  sysctl: "procps",
  tc: "iproute2",
  tcpdump: "tcpdump",
} as const;

export type SystemCommand = keyof typeof PACKAGE_OF;

/** Where administrators' commands live, also when PATH leaves it out, as it does for ordinary users on Debian. */
const ADMIN_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The file a command stands for, or undefined when no folder of PATH (or of the administrator's) has it. */
export function findCommand(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...ADMIN_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * Makes sure that the commands exist: installs their Debian packages where this process may (root, apt-get).
 * Returns undefined when all are there, or one sentence that says what is missing and what to do.
 */
export function ensureCommands(names: readonly SystemCommand[]): string | undefined {
  const missing = names.filter((name) => findCommand(name) === undefined);
  if (missing.length === 0) return undefined;
  const packages = [...new Set(missing.map((name) => PACKAGE_OF[name]))];
  const advice = `missing: ${missing.join(", ")}; install with: apt-get install ${packages.join(" ")}`;
  if (process.getuid?.() !== 0) return `${advice} (not root, so not installed by itself)`;
  if (findCommand("apt-get") === undefined) return `${advice} (no apt-get here: use this system's own package tool)`;
  process.stderr.write(`installing ${packages.join(", ")} (apt-get) …\n`);
  const failure = aptGet(["install", "-y", "--no-install-recommends", ...packages]);
  return failure === undefined ? undefined : `${advice}; apt-get failed: ${failure}`;
}

let listsAreFresh = false;

/**
 * Runs apt-get quietly; when it fails, fetches the package lists and tries once more (a fresh Debian image has none, an
 * old one names files that mirrors no longer keep). Returns what apt-get said when that fails too, else undefined.
 */
export function aptGet(commandArguments: readonly string[], folder = "/"): string | undefined {
  const first = runApt(commandArguments, folder);
  if (first === undefined || listsAreFresh) return first;
  const update = runApt(["update"], folder);
  if (update !== undefined) return update;
  listsAreFresh = true;
  return runApt(commandArguments, folder);
}

function runApt(commandArguments: readonly string[], cwd: string): string | undefined {
  const options = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120", "-o", "APT::Sandbox::User=root"];
  const run = spawnSync("apt-get", [...options, ...commandArguments], {
    cwd,
    encoding: "utf8",
    // RUNLEVEL keeps invoke-rc.d from starting services of what is installed: nginx would take port 80.
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
  });
  if (run.status === 0) return undefined;
  return run.error?.message ?? run.stderr.trim().split("\n").slice(-3).join(" ");
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
