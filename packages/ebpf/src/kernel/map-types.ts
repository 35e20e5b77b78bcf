// Type information of a map, so that `bpftool map dump` and everyone else who looks at a map from outside
// sees fields by name. Made from the codecs of keys and values, where they can describe themselves.

import { btfLoad, FileDescriptor, SyscallError } from "@yardmaster/linux";
import { BtfBuilder } from "../btf/index.ts";
import type { MapSpec, MapType } from "../spec.ts";

/** What map_create takes; close `fd` when the map is made. */
export interface MapTypes {
  readonly fd: FileDescriptor;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** Map types whose implementation takes type information (map_check_btf in kernel/bpf). */
const TYPED: readonly MapType[] = [
  "hash",
  "array",
  "percpu_hash",
  "percpu_array",
  "lru_hash",
  "lru_percpu_hash",
  "lpm_trie",
  "sk_storage",
];

/** Loads the types of `spec`, or undefined where it has none. Throws SyscallError when the kernel refuses them. */
export function loadMapTypes(spec: MapSpec): MapTypes | undefined {
  const { key, value, name } = spec;
  if (!TYPED.includes(spec.type) || key.btf === undefined || value.btf === undefined) return undefined;
  const builder = new BtfBuilder();
  const keyTypeId = key.btf(builder);
  const valueTypeId = value.btf(builder);
  const fd = btfLoad(builder.build());
  if (fd instanceof FileDescriptor) return { fd, keyTypeId, valueTypeId };
  const { errno } = fd;
  throw new SyscallError({ doing: `describing the types of map "${name}"`, command: "bpf(BPF_BTF_LOAD)", errno });
}
