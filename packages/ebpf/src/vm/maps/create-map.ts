// From a map's specification to the store that serves it.

import type { BpfMap, MapSpec } from "../../spec.ts";
import type { Memory } from "../memory.ts";
import { VmError } from "../vm-error.ts";
import { ArrayStore, SparseArrayStore } from "./array-store.ts";
import { HashStore } from "./hash-store.ts";
import { MemoryMap } from "./memory-map.ts";
import { firstDifference } from "./shape.ts";
import { RingBuffer } from "./ring-buffer.ts";
import type { Store } from "./store.ts";
import { TrieStore } from "./trie-store.ts";
import { ValueArea } from "./value-area.ts";

/** BPF_F_NO_PREALLOC (include/uapi/linux/bpf.h). */
const NO_PREALLOCATION = 1;
/** BPF_F_RDONLY_PROG (include/uapi/linux/bpf.h). */
const READ_ONLY_FOR_PROGRAMS = 0x80;

/** Makes `spec` live. Throws VmError for what the kernel would refuse, too. */
export function createMemoryMap<K, V>(memory: Memory, spec: MapSpec<K, V>, cpus: number): MemoryMap<K, V> {
  const problem = findProblem(spec);
  if (problem !== undefined) {
    throw new VmError("YM_VM_MAP", `create map "${spec.name}" (${spec.type}): ${problem}`);
  }
  const values = new ValueArea(memory, spec.name, {
    valueSize: spec.type === "ringbuf" ? 0 : spec.value.size,
    cpus: spec.type.includes("percpu") ? cpus : 1,
    readOnly: (spec.flags & READ_ONLY_FOR_PROGRAMS) !== 0,
  });
  return new MemoryMap(memory, spec, createStore(spec, values));
}

/** A live map of a memory host under another description; see BpfHost. Throws VmError where that does not fit. */
export function reopenMemoryMap<K, V>(memory: Memory, map: BpfMap, spec: MapSpec<K, V>): MemoryMap<K, V> {
  const doing = `open map "${spec.name}" once more`;
  if (!(map instanceof MemoryMap)) throw new VmError("YM_VM_MAP", `${doing}: it is of another host`);
  if (spec.inner !== undefined) throw new VmError("YM_VM_MAP", `${doing}: maps of maps cannot be`);
  const difference = firstDifference(map.spec, spec as MapSpec, { length: "counts" });
  if (difference !== undefined) throw new VmError("YM_VM_MAP", `${doing}: ${difference}`);
  return new MemoryMap(memory, spec, map.store, map);
}

/** Takes all records out of a `ringbuf` map of a memory host, oldest first. */
export function drainRingBuffer(map: BpfMap): Uint8Array[] {
  if (map instanceof MemoryMap && map.store instanceof RingBuffer) return map.store.drain();
  const { name, type } = map.spec;
  throw new VmError("YM_VM_MAP", `drain map "${name}" (${type}): no ring buffer of a memory host`);
}

function createStore<K, V>(spec: MapSpec<K, V>, values: ValueArea): Store {
  const { type, maxEntries } = spec;
  switch (type) {
    case "array":
    case "percpu_array":
      return new ArrayStore(values, maxEntries);
    case "devmap":
    case "array_of_maps":
      return new SparseArrayStore(values, maxEntries);
    case "lpm_trie":
      return new TrieStore(values, maxEntries);
    case "ringbuf":
      return new RingBuffer(values, maxEntries);
    default:
      return new HashStore(values, {
        maxEntries,
        evicts: type.startsWith("lru"),
        isPerCpu: type.includes("percpu"),
      });
  }
}

function findProblem<K, V>(spec: MapSpec<K, V>): string | undefined {
  const { type, key, maxEntries, inner } = spec;
  if (type === "sk_storage") return "the interpreter has no sockets";
  if (type === "prog_array") return "the interpreter has no tail calls";
  if (!Number.isInteger(maxEntries) || maxEntries < 1) return `${maxEntries} entries make no map`;
  if (type === "ringbuf") {
    const isPowerOfTwo = (maxEntries & (maxEntries - 1)) === 0;
    return isPowerOfTwo ? undefined : `size ${maxEntries} is not a power of two`;
  }
  const isArray = type.includes("array") || type === "devmap";
  if (isArray && key.size !== 4) return `the key of an array has 4 bytes, not ${key.size}`;
  if (type.endsWith("_of_maps") && inner === undefined) return "no inner map given";
  return type === "lpm_trie" ? findTrieProblem(spec) : undefined;
}

/** kernel/bpf/lpm_trie.c, trie_alloc: a prefix length of 4 bytes and 1 to 256 bytes of data. */
function findTrieProblem<K, V>({ key, flags }: MapSpec<K, V>): string | undefined {
  if (key.size < 5) return `a key of ${key.size} bytes has no address`;
  if (key.size > 260) return `a key of ${key.size} bytes is too long, 260 are the most`;
  return (flags & NO_PREALLOCATION) === 0 ? "the kernel makes it only with BPF_F_NO_PREALLOC" : undefined;
}
