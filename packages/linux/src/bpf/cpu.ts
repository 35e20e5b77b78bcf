// How many values a per-CPU map holds: one for each CPU that could ever be plugged in.

import { readFileSync } from "node:fs";

/** Number of CPUs in a list such as "0-3,5" (Documentation/admin-guide/cputopology.rst). */
export function countCpus(list: string): number {
  return list
    .trim()
    .split(",")
    .map((range) => range.split("-").map(Number))
    .reduce((total, [first = Number.NaN, last = first]) => total + last - first + 1, 0);
}

let possible: number | undefined;

/** num_possible_cpus(): what per-CPU buffers are sized by (kernel/bpf/syscall.c, bpf_map_value_size). */
export function possibleCpuCount(): number {
  if (possible === undefined) {
    const counted = countCpus(readFileSync("/sys/devices/system/cpu/possible", "utf8"));
    if (!Number.isInteger(counted)) throw new Error("counting CPUs: /sys/devices/system/cpu/possible is unreadable");
    possible = counted;
  }
  return possible;
}
