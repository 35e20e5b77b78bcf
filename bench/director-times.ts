// What the running director takes: the time to put a large configuration to work and to change one weight in it, and
// memory and processor time when nothing happens, without connections and with many.

import { setTimeout as sleep } from "node:timers/promises";
import { readFileSync } from "node:fs";
import { balancerMaps } from "@yardmaster/dataplane";
import type { MapSpec } from "@yardmaster/ebpf";
import { type KernelMap, openPinnedMap } from "@yardmaster/ebpf/kernel";
import { execFileSync } from "node:child_process";
import { DirectorProcess } from "./director.ts";
import { network } from "./network.ts";
import { largestShape } from "./subject.ts";

/** How much of it. */
export interface DirectorEffort {
  readonly services: number;
  readonly serversEach: number;
  readonly weightChanges: number;
  readonly connections: number;
  readonly idleMs: number;
}

/** Memory and work of a director that has nothing to do. */
export interface Rest {
  /** The most that was seen. */
  readonly residentBytes: number;
  /** Of one processor. */
  readonly cpuShare: number;
}

/** How long something took: by the wall, of all processors, and of the thread that does it. */
export interface Took {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly mainThreadMs: number;
}

export interface DirectorTimes {
  readonly effort: DirectorEffort;
  /** Of two servers. */
  readonly idle: Rest;
  /** The same with so many connections in the table, all of them active. */
  readonly withConnections: Rest;
  /** The same again, inactive, as UDP's are and those that are being closed: the reaper has to look more often. */
  readonly withInactive: Rest;
  /** From the request to the answer, on a director that had another configuration. */
  readonly apply: Took;
  /** The same file once more, with one weight changed in it. */
  readonly applyAgain: Took;
  /** Each from the request to the answer: by then packets go by the new weight. */
  readonly weightChangeMs: readonly number[];
  /** With the large configuration. */
  readonly large: Rest;
}

/** Garbage of the start is given back after 15 seconds. */
const SETTLE_MS = 17_000;
const LOOK_MS = 500;
const ROUTER = "10.2.255.253";

/** Measures in the network namespace `name`. */
export async function measureDirector(name: string, effort: DirectorEffort): Promise<DirectorTimes> {
  const ip = (words: string) => execFileSync("ip", ["-n", name, ...words.split(" ")]);
  ip(`neighbour replace ${ROUTER} lladdr 02:00:00:00:01:01 dev ${network.serverInterface} nud permanent`);
  ip(`route replace 10.64.0.0/10 via ${ROUTER} dev ${network.serverInterface}`);
  await using director = await DirectorProcess.start(name, configuration(1, 2, effort.connections));
  await sleep(SETTLE_MS);
  const idle = await rest(director, effort.idleMs);
  const kept = await holding(director, effort, async (countAs) => {
    const ofKind = async (kind: "active" | "inactive") => {
      countAs(kind);
      await sleep(SETTLE_MS / 4);
      return rest(director, effort.idleMs);
    };
    return { withConnections: await ofKind("active"), withInactive: await ofKind("inactive") };
  });
  const large = configuration(effort.services, effort.serversEach, effort.connections);
  const apply = await timed(director, () => director.client.apply(large));
  const applyAgain = await timed(director, () => director.client.apply(large.replace(/weight: \d+/, "weight: 77")));
  await sleep(SETTLE_MS / 4);
  const weightChangeMs = await changeWeights(director, effort);
  await sleep(SETTLE_MS);
  return { effort, idle, ...kept, apply, applyAgain, weightChangeMs, large: await rest(director, effort.idleMs) };
}

/** Services 10.9.0.0 and following; each of their servers is one of its own, behind a router. */
function configuration(services: number, serversEach: number, connections: number): string {
  const lines = ["director:", `  interfaces: [${network.serverInterface}]`];
  lines.push(`  connections: { maximum: ${connections} }`, "services:");
  for (let service = 0; service < services; service++) {
    lines.push(`  s${service}:`, `    address: 10.9.${service >> 8}.${service & 255}`, "    port: 80");
    lines.push("    protocol: tcp", "    scheduler: wlc", "    forwarding: nat", "    servers:");
    for (let server = 0; server < serversEach; server++) {
      const address = serverAddress(service * serversEach + server);
      lines.push(`      - { address: ${address}, port: 8080, weight: ${1 + (server % 3)} }`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function serverAddress(number: number): string {
  return `10.${64 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
}

async function timed(director: DirectorProcess, act: () => Promise<unknown>): Promise<Took> {
  const [wallMs, cpuMs, mainThreadMs] = [performance.now(), director.cpuMs, director.mainThreadMs];
  await act();
  return {
    wallMs: performance.now() - wallMs,
    cpuMs: director.cpuMs - cpuMs,
    mainThreadMs: director.mainThreadMs - mainThreadMs,
  };
}

async function changeWeights(director: DirectorProcess, effort: DirectorEffort): Promise<readonly number[]> {
  const tookMs: number[] = [];
  for (let change = 0; change < effort.weightChanges; change++) {
    const service = (change * 37) % effort.services;
    const address = serverAddress(service * effort.serversEach);
    const startedMs = performance.now();
    await director.client.change("PATCH", `/v1/services/s${service}/servers/${address}`, { weight: 10 + change });
    tookMs.push(performance.now() - startedMs);
    await sleep(100);
  }
  return tookMs;
}

async function rest(director: DirectorProcess, forMs: number): Promise<Rest> {
  const [startedMs, startedCpuMs] = [performance.now(), director.cpuMs];
  let residentBytes = 0;
  while (performance.now() - startedMs < forMs) {
    residentBytes = Math.max(residentBytes, director.residentBytes);
    await sleep(LOOK_MS);
  }
  return { residentBytes, cpuShare: (director.cpuMs - startedCpuMs) / (performance.now() - startedMs) };
}

/** Runs `use` while the table holds connections that end in a quarter of an hour. */
async function holding<T>(
  director: DirectorProcess,
  { connections }: DirectorEffort,
  use: (countAs: (kind: "active" | "inactive") => void) => Promise<T>,
): Promise<T> {
  // Its shape (director/plan): room for few servers.
  const maps = balancerMaps({ ...largestShape, maximumConnections: connections, maximumDestinations: 256 });
  const { spec } = maps.ipv4.connections;
  using table = openPinned(director, spec);
  const inFuture = BigInt((jiffies() + 900 * 250) >>> 0);
  const value = { ...spec.value.decode(new Uint8Array(spec.value.size)), life: inFuture };
  const keys = Array.from({ length: connections }, (_, number) => {
    const bytes = new Uint8Array(spec.key.size);
    new DataView(bytes.buffer).setUint32(0, number);
    return spec.key.decode(bytes);
  });
  using loads = openPinned(director, maps.loads.spec);
  const load = loads.lookup(0);
  if (load === undefined) throw new Error("the director counts nothing of its first server");
  table.updateBatch(keys.map((key) => [key, value] as const));
  const countAs = (kind: "active" | "inactive"): void => {
    loads.update(0, { ...load, connections: BigInt(connections) << (kind === "active" ? 32n : 0n) });
  };
  try {
    return await use(countAs);
  } finally {
    loads.update(0, load);
    for (const key of keys) table.delete(key);
  }
}

function openPinned<K, V>(director: DirectorProcess, spec: MapSpec<K, V>): KernelMap<K, V> {
  const map = openPinnedMap(`${director.pinned}/${spec.name}`, spec);
  if (map === undefined) throw new Error(`opening ${spec.name} of the director: it is not there`);
  return map;
}

/** The kernel's clock, low 32 bits. */
function jiffies(): number {
  const [, ticks = "0"] = /^jiffies: (\d+)$/m.exec(readFileSync("/proc/timer_list", "utf8")) ?? [];
  return Number(BigInt.asUintN(32, BigInt(ticks)));
}
