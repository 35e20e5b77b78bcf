// What the kernel makes of each map type: whether it keeps a value per CPU, and what batches it knows.

import { possibleCpuCount } from "@yardmaster/linux";
import type { MapSpec, MapType } from "../spec.ts";

const PER_CPU: ReadonlySet<MapType> = new Set<MapType>(["percpu_hash", "percpu_array", "lru_percpu_hash"]);

/** Types walked by BPF_MAP_LOOKUP_BATCH. The others that know it (tries, maps of maps) give up there with
 * EINTR at an empty slot before Linux 6.13 (generic_map_lookup_batch), and are small: key by key does. */
const BATCHED: ReadonlySet<MapType> = new Set<MapType>([
  "hash",
  "lru_hash",
  "percpu_hash",
  "lru_percpu_hash",
  "array",
  "percpu_array",
]);

/** Whether each CPU has a value of its own. */
export function isPerCpu(spec: Pick<MapSpec, "type">): boolean {
  return PER_CPU.has(spec.type);
}

/** Whether batch commands are used. */
export function isBatched(spec: Pick<MapSpec, "type">): boolean {
  return BATCHED.has(spec.type);
}

/** Whether keys are numbers from 0 that always exist. */
export function isArray(spec: Pick<MapSpec, "type">): boolean {
  return spec.type === "array" || spec.type === "percpu_array";
}

/** Bytes from one CPU's value to the next: the kernel rounds up to 8 (kernel/bpf/syscall.c). */
export function perCpuStride(valueSize: number): number {
  return Math.ceil(valueSize / 8) * 8;
}

/** Bytes of one entry's value as bpf(2) reads and writes it. */
export function wireValueSize(spec: MapSpec): number {
  return isPerCpu(spec) ? perCpuStride(spec.value.size) * possibleCpuCount() : spec.value.size;
}
