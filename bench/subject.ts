// The balancer as the benchmark runs it: one service for TCP and UDP, real servers behind a veth, all maps
// filled as the director would fill them. Measured by main.ts, pinned by pin-for-harness.ts.

import { readFileSync } from "node:fs";
import {
  type BalancerMaps,
  type BalancerShape,
  balancer,
  balancerMaps,
  defaultTimeoutsMs,
  type MethodName,
  methods,
  schedulers,
  type SchedulerName,
  transitionBytes,
} from "@yardmaster/dataplane";
import { type BpfMap, compile, type MapSpec, type ProgramSpec } from "@yardmaster/ebpf";
import { createKernelHost, type KernelMap, type KernelProgram } from "@yardmaster/ebpf/kernel";

/** What is measured, and on which addresses. */
export interface SubjectOptions {
  readonly method: MethodName;
  readonly scheduler: SchedulerName;
  /** The director's MAC address, as frames carry it. */
  readonly mac: Uint8Array;
  /** The service, TCP and UDP. */
  readonly address: string;
  readonly port: number;
  readonly servers: readonly string[];
  readonly maximumConnections: number;
}

/** A loaded balancer with its maps; all close together. */
export interface Subject extends Disposable {
  readonly program: KernelProgram;
  readonly maps: ReadonlyMap<string, KernelMap>;
}

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;

export function shapeOf(options: SubjectOptions): BalancerShape {
  return {
    schedulers: [options.scheduler],
    methods: [options.method],
    macs: [options.mac],
    maximumConnections: options.maximumConnections,
    maximumServices: 1024,
    maximumDestinations: 4096,
    maximumMembers: 1024,
    clock: "jiffies",
  };
}

/** Builds, loads and configures the balancer. */
export function createSubject(options: SubjectOptions): Subject {
  const maps = balancerMaps(shapeOf(options));
  const spec = compile(balancer(maps, shapeOf(options)));
  const live = createMaps(spec);
  fill(maps, live, options);
  const program = createKernelHost().loadProgram(spec, live as ReadonlyMap<string, BpfMap>);
  return {
    program,
    maps: live,
    [Symbol.dispose]() {
      program.close();
      for (const map of live.values()) map.close();
    },
  };
}

/** The maps that a program names, empty. */
export function createMaps(spec: ProgramSpec): Map<string, KernelMap> {
  const host = createKernelHost();
  return new Map(spec.maps.map((map) => [map.name, host.createMap(map)] as const));
}

function fill(definitions: BalancerMaps, live: ReadonlyMap<string, KernelMap>, options: SubjectOptions): void {
  const at = <K, V>(definition: { readonly spec: MapSpec<K, V> }): KernelMap<K, V> => {
    const map = live.get(definition.spec.name);
    if (map === undefined) throw new Error(`filling the maps: the program has no map "${definition.spec.name}"`);
    return map as unknown as KernelMap<K, V>;
  };
  const hertz = ticksPerSecond();
  at(definitions.settings).update(0, {
    ticksPerSecond: hertz,
    now: 0,
    timeouts: defaultTimeoutsMs.map((ms) => (ms / 1000) * hertz),
    transitions: transitionBytes(),
  });
  options.servers.forEach((address, index) => {
    const method = methods[options.method].code;
    const destination = { address: addressNumber(address), port: options.port, method, reserved: 0 };
    at(definitions.destinations).update(index, destination);
  });
  const members = options.servers.map((_, destination) => ({ destination, weight: 1 }));
  const service = {
    scheduler: schedulers[options.scheduler].code,
    memberCount: members.length,
    weightDivisor: 1,
    highestLevel: 1,
  };
  [IPPROTO_TCP, IPPROTO_UDP].forEach((protocol, index) => {
    at(definitions.services).update(index, service);
    fillMembers(at(definitions.members), index, members, shapeOf(options).maximumMembers);
    const key = { address: addressNumber(options.address), port: options.port, protocol };
    at(definitions.serviceIndex).update(key, { service: index });
  });
}

function fillMembers(
  outer: KernelMap<number, number>,
  index: number,
  members: readonly { readonly destination: number; readonly weight: number }[],
  maximum: number,
): void {
  const { inner } = outer.spec;
  if (inner === undefined) throw new Error("filling the members: the map has no inner map");
  using list = createKernelHost().createMap(inner as MapSpec<number, unknown>);
  const none = Array.from({ length: maximum - members.length }, () => ({ destination: 0, weight: 0 }));
  list.update(0, [...members, ...none]);
  outer.updateInner(index, list);
}

/** How often the kernel's clock ticks in a second: jiffies against the time of day, over a fifth of a second. */
function ticksPerSecond(): number {
  const jiffies = () => Number(/^jiffies: (\d+)$/m.exec(readFileSync("/proc/timer_list", "utf8"))?.[1]);
  const [ticks, ms] = [jiffies(), performance.now()];
  while (performance.now() - ms < 200);
  const measured = ((jiffies() - ticks) * 1000) / (performance.now() - ms);
  const known = [100, 250, 300, 1000];
  return known.reduce((best, hertz) => (Math.abs(hertz - measured) < Math.abs(best - measured) ? hertz : best));
}

/** An IPv4 address as a number, most significant byte first. */
export function addressNumber(address: string): number {
  return address.split(".").reduce((number, byte) => number * 256 + Number(byte), 0);
}

/** The bytes of a MAC address. */
export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (byte) => Number.parseInt(byte, 16));
}
