// The kernel as a home for maps and programs; the interpreter in vm/ is the other one.

import type { BpfHost, BpfMap, MapSpec, ProgramSpec } from "../spec.ts";
import { createKernelMap, type KernelMap, reopenKernelMap } from "./map.ts";
import { type KernelProgram, loadKernelProgram } from "./program.ts";
import { waitForRuns } from "./wait-for-runs.ts";

/** A BpfHost whose maps and programs are also what only the kernel has: descriptors, numbers, memory. */
export interface KernelHost extends BpfHost {
  readonly kind: "kernel";
  createMap<K, V>(spec: MapSpec<K, V>): KernelMap<K, V>;
  reopenMap<K, V>(map: BpfMap, spec: MapSpec<K, V>): KernelMap<K, V>;
  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, BpfMap>): KernelProgram;
}

/** The kernel that this process runs on. */
export function createKernelHost(): KernelHost {
  return {
    kind: "kernel",
    createMap: createKernelMap,
    reopenMap: reopenKernelMap,
    waitForRuns,
    loadProgram: loadKernelProgram,
  };
}
