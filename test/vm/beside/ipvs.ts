// The kernel's IPVS of one network namespace, as a person works with it: through ipvsadm.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Whether this kernel has IPVS and this scheduler in it. */
export function kernelHas(scheduler: string): boolean {
  return existsSync(`/sys/module/ip_vs_${scheduler}`);
}

/** Runs ipvsadm in a namespace, with `input` for it to read. Returns what it prints; throws its words when it fails. */
export function ipvsadm(namespace: string, words: readonly string[], input = ""): string {
  const command = ["netns", "exec", namespace, "ipvsadm", ...words];
  const run = spawnSync("ip", command, { input, encoding: "utf8" });
  if (run.status === 0) return run.stdout;
  throw new Error(`running "ipvsadm ${words.join(" ")}": ${run.error?.message ?? run.stderr.trim()}`);
}

/** The connections of each service's servers in a listing of `ipvsadm -Ln`, in the form of `countText`. */
export function countsIn(listing: string): readonly string[] {
  let service = "";
  return listing.split("\n").flatMap((line) => {
    const words = line.trim().split(/\s+/);
    if (/^(TCP|UDP)$/.test(words[0] ?? "")) service = words[1] ?? "";
    const [arrow, server = "", , , active, inactive] = words;
    if (arrow !== "->" || !/^\d+$/.test(active ?? "")) return [];
    return countText(service, server, Number(active), Number(inactive));
  });
}

/** One server's connections in words. */
export function countText(service: string, server: string, active: number, inactive: number): string {
  return `${service} -> ${server}: ${active} active, ${inactive} inactive`;
}
