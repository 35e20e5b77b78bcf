// The maps of a program that is not the balancer, made and left empty.

import type { ProgramSpec } from "@yardmaster/ebpf";
import { createKernelHost, type KernelMap } from "@yardmaster/ebpf/kernel";

/** By name, all that the program's instructions refer to. */
export function createMaps(spec: ProgramSpec): Map<string, KernelMap> {
  const host = createKernelHost();
  return new Map(spec.maps.map((map) => [map.name, host.createMap(map)] as const));
}
