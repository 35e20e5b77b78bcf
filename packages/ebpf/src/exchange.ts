// Which maps have values that the control plane exchanges in one store (`exchange` of the contract).

import type { MapSpec } from "./spec.ts";

/** BPF_F_MMAPABLE (include/uapi/linux/bpf.h). */
const MAPPABLE = 1 << 10;

/** Why the values of a map cannot be exchanged in one store; undefined: they can. */
export function exchangeProblem({ type, value, flags }: Pick<MapSpec, "type" | "value" | "flags">): string | undefined {
  if (type !== "array" || (flags & MAPPABLE) === 0) return "only values of an array with BPF_F_MMAPABLE can be";
  return value.size === 4 ? undefined : `values of ${value.size} bytes cannot be stored at once, those of 4 can`;
}
