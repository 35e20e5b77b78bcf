// What this process may do: its effective capabilities, and one sentence that says what is missing.

import { readFileSync } from "node:fs";

/** In the order of their bits (include/uapi/linux/capability.h). */
const CAPABILITY_NAMES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** Name of a capability. */
export type Capability = (typeof CAPABILITY_NAMES)[number];

/** What loading and attaching programs needs; CAP_SYS_ADMIN stands for the first two (capabilities(7)). */
const REQUIRED: readonly Capability[] = ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"];

/** The capabilities whose bits are set in `mask`, as in the CapEff line of proc_pid_status(5). */
export function capabilitiesOf(mask: bigint): ReadonlySet<Capability> {
  return new Set(CAPABILITY_NAMES.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n));
}

/** The effective capabilities of this thread. */
export function effectiveCapabilities(): ReadonlySet<Capability> {
  const line = /^CapEff:\s*([0-9a-f]+)$/mu.exec(readFileSync("/proc/thread-self/status", "utf8"));
  if (line?.[1] === undefined) throw new Error("reading capabilities: /proc/thread-self/status has no CapEff line");
  return capabilitiesOf(BigInt(`0x${line[1]}`));
}

/**
 * One sentence that says which capabilities are missing for loading and attaching programs and what to do,
 * or undefined when none is.
 */
export function missingPrivileges(held: ReadonlySet<Capability> = effectiveCapabilities()): string | undefined {
  const missing = REQUIRED.filter(
    (name) => !held.has(name) && !(name !== "CAP_NET_ADMIN" && held.has("CAP_SYS_ADMIN")),
  );
  if (missing.length === 0) return undefined;
  return `this process lacks ${missing.join(", ")}: run it as root, or grant them (setcap, AmbientCapabilities)`;
}

/** Why the kernel may have said EPERM to bpf(2) or to a network request, and what to do. */
export function permissionHint(): string {
  return (
    missingPrivileges() ??
    "the capabilities are there, so a seccomp filter, kernel lockdown or a user namespace forbids it: " +
      "run outside the container, or allow bpf(2) in its seccomp profile"
  );
}
