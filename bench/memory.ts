// Map memory per connection, as the kernel accounts for it: entries, their bookkeeping and the bucket array.

import { balancerMaps } from "@yardmaster/dataplane";
import type { MapSpec } from "@yardmaster/ebpf";
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { readFileSync } from "node:fs";
import { largestShape } from "./subject.ts";

export interface MemoryResult {
  /** Entries that the table has room for. */
  readonly entries: number;
  /** Taken when the table is made, and when it is full. */
  readonly bytesEmpty: number;
  readonly bytesFull: number;
  /** Of the full table, for each entry: one per connection under dr, one per direction under nat. */
  readonly bytesPerEntry: number;
}

/** Fills a connection table of `entries` entries. */
export function measureMemory(entries: number): MemoryResult {
  const shape = { ...largestShape, maximumConnections: entries };
  const { spec } = balancerMaps(shape).ipv4.connections;
  using table = createKernelHost().createMap(spec);
  const bytesEmpty = bytesOf(table.fd.value);
  table.updateBatch(flows(spec, entries));
  const bytesFull = bytesOf(table.fd.value);
  return { entries, bytesEmpty, bytesFull, bytesPerEntry: bytesFull / entries };
}

/** `count` different keys, each with the value of all zeros. */
function* flows<K, V>(spec: MapSpec<K, V>, count: number): Generator<readonly [K, V]> {
  const value = spec.value.decode(new Uint8Array(spec.value.size));
  const bytes = new Uint8Array(spec.key.size);
  for (let flow = 0; flow < count; flow++) {
    new DataView(bytes.buffer).setUint32(0, flow);
    yield [spec.key.decode(bytes), value];
  }
}

/** What the kernel charges for a map ("memlock", kernel/bpf/syscall.c, bpf_map_show_fdinfo). */
function bytesOf(descriptor: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
  return Number(/^memlock:\s*(\d+)$/m.exec(text)?.[1]);
}
