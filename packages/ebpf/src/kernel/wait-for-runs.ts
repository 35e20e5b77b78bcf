// Waits until programs that run have ended. The kernel has no call for that alone, but it waits whenever a map of maps
// is written: whoever did so may count on nobody using what stood there (maybe_wait_bpf_programs,
// kernel/bpf/syscall.c).

import type { Codec, MapSpec } from "../spec.ts";
import { createKernelMap } from "./map.ts";

const word: Codec<number> = {
  size: 4,
  encode: (value) => new Uint8Array(Uint32Array.of(value).buffer),
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true),
};
const inner: MapSpec<number, number> = {
  ...{ name: "awaited", type: "array", key: word, value: word, maxEntries: 1, flags: 0 },
};
const outer: MapSpec<number, number> = { ...inner, name: "awaiting", type: "array_of_maps", inner: inner as MapSpec };

/** Returns when every run of a program that had begun is over: some milliseconds. Throws a SyscallError. */
export function waitForRuns(): void {
  using written = createKernelMap(outer);
  using content = createKernelMap(inner);
  written.updateInner(0, content);
}
