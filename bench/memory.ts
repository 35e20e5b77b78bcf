// Map memory per connection, as the kernel accounts for it: entries, their bookkeeping and the bucket array.

import { balancerMaps } from "@yardmaster/dataplane";
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { readFileSync } from "node:fs";
import { network } from "./network.ts";
import { macBytes, shapeOf } from "./subject.ts";

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
  const shape = shapeOf({
    method: "nat",
    scheduler: "rr",
    mac: macBytes(network.directorMac),
    address: network.serviceAddress,
    port: network.servicePort,
    servers: network.servers,
    maximumConnections: entries,
  });
  using table = createKernelHost().createMap(balancerMaps(shape).connections.spec);
  const bytesEmpty = bytesOf(table.fd.value);
  table.updateBatch(flows(entries));
  const bytesFull = bytesOf(table.fd.value);
  return { entries, bytesEmpty, bytesFull, bytesPerEntry: bytesFull / entries };
}

function* flows(count: number) {
  const value = { life: 1n, destination: 0, address: 0, port: 80, method: 1, direction: 0, table: 0 };
  for (let flow = 0; flow < count; flow++) {
    const key = { source: flow, destination: 1, sourcePort: 1, destinationPort: 80, protocol: 17 };
    yield [key, value] as const;
  }
}

/** What the kernel charges for a map ("memlock", kernel/bpf/syscall.c, bpf_map_show_fdinfo). */
function bytesOf(descriptor: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
  return Number(/^memlock:\s*(\d+)$/m.exec(text)?.[1]);
}
