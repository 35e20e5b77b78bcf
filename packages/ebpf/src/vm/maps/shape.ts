// Whether maps are alike: one that may stand inside another, which the kernel compares with the template given when the
// outer map was made (kernel/bpf/map_in_map.c, bpf_map_meta_equal); or one under two descriptions.

import type { MapSpec } from "../../spec.ts";
import { VmError } from "../vm-error.ts";

/** include/uapi/linux/bpf.h */
const BPF_F_INNER_MAP = 1 << 12;

/** Throws unless a map of `inner` may be put into a map of `outer`. */
export function assertSameShape(outer: MapSpec, inner: MapSpec): void {
  const wanted = outer.inner;
  const difference =
    wanted === undefined ? "it is no map of maps" : firstDifference(wanted, inner, { length: innerLength(wanted) });
  if (difference === undefined) return;
  const doing = `put map "${inner.name}" into map "${outer.name}"`;
  throw new VmError("YM_VM_MAP", `${doing}: ${difference}`);
}

/** Only arrays are compiled with their length, unless BPF_F_INNER_MAP forbids it (array_map_meta_equal). */
function innerLength({ type, flags }: MapSpec): "counts" | "any" {
  return type.includes("array") && (flags & BPF_F_INNER_MAP) === 0 ? "counts" : "any";
}

/** What of `inner` is other than `wanted`; whether the number of entries counts is `length`. */
export function firstDifference(
  wanted: MapSpec,
  inner: MapSpec,
  { length }: { readonly length: "counts" | "any" },
): string | undefined {
  const facts = (spec: MapSpec): readonly [string, string | number][] => [
    ["type", spec.type],
    ["key size", spec.key.size],
    ["value size", spec.value.size],
    ["flags", spec.flags],
    ["number of entries", length === "counts" ? spec.maxEntries : 0],
  ];
  const given = facts(inner);
  for (const [index, [name, value]] of facts(wanted).entries()) {
    const other = given[index]?.[1];
    if (other !== value) return `its ${name} is ${other}, ${value} is wanted`;
  }
  return undefined;
}
