// One cold process's road from a configuration's shape to a running balancer, timed; prints one line of JSON. A
// process of its own, because everything takes longer the first time, and a director starts but once.

import { balancer, balancerMaps } from "@yardmaster/dataplane";
import { type BpfMap, compile } from "@yardmaster/ebpf";
import { attachXdp, createKernelHost } from "@yardmaster/ebpf/kernel";
import { findLink } from "@yardmaster/linux";
import { createMaps } from "./live-maps.ts";
import { network } from "./network.ts";
import type { SetupTimes } from "./setup-times.ts";
import { largestShape as shape } from "./subject.ts";

/** Milliseconds by the wall, and of this thread's processor time: other work on the machine is not in the latter. */
function timed<T>(run: () => T): { readonly result: T; readonly wallMs: number; readonly cpuMs: number } {
  const before = process.threadCpuUsage();
  const start = performance.now();
  const result = run();
  const wallMs = performance.now() - start;
  const { user, system } = process.threadCpuUsage(before);
  return { result, wallMs, cpuMs: (user + system) / 1000 };
}

function probe(): SetupTimes {
  const host = createKernelHost();
  const maps = balancerMaps(shape);
  const compiled = timed(() => compile(balancer(maps, shape)));
  const again = timed(() => compile(balancer(maps, shape)));
  using objects = new DisposableStack();
  const live = createMaps(compiled.result);
  for (const map of live.values()) objects.use(map);
  const load = () => objects.use(host.loadProgram(compiled.result, live as ReadonlyMap<string, BpfMap>));
  const loaded = timed(load);
  const interfaceIndex = findLink(network.serverInterface)?.index;
  if (interfaceIndex === undefined)
    throw new Error(`looking for "${network.serverInterface}": there is no such interface`);
  const attached = timed(() => attachXdp({ program: loaded.result, interfaceIndex, mode: "native" }));
  objects.use(attached.result);
  const other = load();
  const swapped = timed(() => attached.result.update(other));
  const times = { compile: compiled, compileAgain: again, load: loaded, attach: attached, swap: swapped };
  return Object.fromEntries(
    Object.entries(times).map(([name, { wallMs, cpuMs }]) => [name, { wallMs, cpuMs }]),
  ) as unknown as SetupTimes;
}

process.stdout.write(`${JSON.stringify(probe())}\n`);
