// The kernel's IPVS of one network namespace, as a person works with it: through ipvsadm.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Whether this kernel has IPVS and this scheduler in it. */
export function kernelHas(scheduler: string): boolean {
  return existsSync(`/sys/module/ip_vs_${scheduler}`);
}

/** Runs ipvsadm in a namespace, with `input` for it to read. Returns what it prints; throws its words when it fails. */
export function ipvsadm(namespace: string, words: readonly string[], input = ""): string {
  return run("ip", ["netns", "exec", namespace, "ipvsadm", ...words], input);
}

/** Runs a command with `input` for it to read. Returns what it prints; throws its words when it fails. */
export function run(command: string, words: readonly string[], input: string): string {
  const child = spawnSync(command, words, { input, encoding: "utf8" });
  if (child.status === 0) return child.stdout;
  throw new Error(`running "${[command, ...words].join(" ")}": ${child.error?.message ?? child.stderr.trim()}`);
}

/** The connections of each server in a listing of `ipvsadm -L -n` of one service, in the form of `countText`. */
export function countsIn(listing: string): readonly string[] {
  return listing.split("\n").flatMap((line) => {
    const [arrow, server = "", , , active, inactive] = line.trim().split(/\s+/);
    if (arrow !== "->" || !/^\d+$/.test(active ?? "")) return [];
    return countText(server, Number(active), Number(inactive));
  });
}

/** One server's connections in words. */
export function countText(server: string, active: number, inactive: number): string {
  return `${server}: ${active} active, ${inactive} inactive`;
}
