// A balancer on a host, made from a plan: the real maps and programs, a clock that the test moves, packets
// in and out, and everything that the maps tell, read back in plain values.

import {
  type BpfHost,
  type BpfMap,
  type BpfProgram,
  compile,
  type JsOf,
  type MapSpec,
  type ProgramSpec,
} from "@yardmaster/ebpf";
import type { MemoryRunOutput } from "@yardmaster/ebpf/vm";
import { formatAddress, ipv4FromNumber, ipv4ToNumber, macBytes, toHex } from "@yardmaster/packet";
import {
  balancer,
  type BalancerMaps,
  type BalancerShape,
  balancerMaps,
  CLIENT_HOPS,
  type Connection,
  defaultTimeoutsMs,
  type FlowKey,
  highestLevel,
  methods,
  type NextHop,
  type Path,
  REAPER_BATCH,
  type ReasonName,
  reaper,
  reasonNames,
  schedulers,
  states,
  transitionBytes,
  type WeightedMember,
  weightDivisor,
} from "../src/index.ts";
import {
  type BalancerPlan,
  clientHop,
  destinationHop,
  director,
  type DestinationPlan,
  type HopPlan,
  type ServicePlan,
  TICKS_PER_SECOND,
} from "./plan.ts";

const VERDICTS = ["aborted", "drop", "pass", "tx", "redirect"] as const;
export type VerdictName = (typeof VERDICTS)[number];
export const PROTOCOLS = { tcp: 6, udp: 17 } as const;

/** What became of a packet. */
export interface Sent {
  readonly verdict: VerdictName;
  readonly frame: Uint8Array;
  /** Only in memory: the kernel does not say where a test run redirects to. */
  readonly redirectIfindex: number | undefined;
}

/** A connection as the table has it; addresses as text. */
export interface ConnectionView {
  readonly client: string;
  readonly service: string;
  readonly protocol: number;
  readonly server: string;
  readonly destination: number;
  readonly state: number;
  readonly expiresAt: number;
}

export interface LoadView {
  readonly active: number;
  readonly inactive: number;
  readonly scheduled: number;
}

export interface TrafficView {
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

type FlowValue = JsOf<typeof FlowKey>;
type ConnectionValue = JsOf<typeof Connection>;
type PathValue = JsOf<typeof Path>;
type HopValue = JsOf<typeof NextHop>;
type AnyMap = { readonly spec: MapSpec<never, never> };

/** The slot in which a client's next hop is cached: the upper bits of a multiplicative hash of its bytes. */
export function clientSlot(address: string): number {
  const bytes = Uint8Array.from(address.split("."), Number);
  const inMemory = new DataView(bytes.buffer).getUint32(0, true);
  return Math.imul(inMemory, 0x9e37_79b1) >>> (32 - Math.log2(CLIENT_HOPS));
}

export class Balancer implements Disposable {
  readonly host: BpfHost;
  readonly plan: BalancerPlan;
  readonly shape: BalancerShape;
  readonly maps: BalancerMaps;
  readonly #live = new Map<string, BpfMap>();
  readonly #inner: BpfMap[] = [];
  readonly #balancer: BpfProgram;
  readonly #reaper: BpfProgram;
  readonly #timeouts: number[];
  /** Destinations of all services one after another: the index of the first of each. */
  readonly #firstOf: number[] = [];
  #now: number;

  constructor(host: BpfHost, plan: BalancerPlan) {
    this.host = host;
    this.plan = plan;
    this.#now = plan.now ?? 1000;
    this.#timeouts = defaultTimeoutsMs.map((ms) => (ms * TICKS_PER_SECOND) / 1000);
    this.shape = shapeOf(plan);
    const { maps, balancerSpec, reaperSpec } = compiled(this.shape);
    this.maps = maps;
    try {
      for (const { spec } of Object.values(this.maps) as unknown as AnyMap[]) {
        if (spec !== this.maps.membersInner.spec && spec !== this.maps.tablesInner.spec) {
          this.#live.set(spec.name, host.createMap(spec as unknown as MapSpec));
        }
      }
      this.#balancer = host.loadProgram(balancerSpec, this.#live);
      this.#reaper = host.loadProgram(reaperSpec, this.#live);
      this.#writeServices();
      this.#writeSettings();
      this.#freshenHops();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The live map of a definition. */
  map<K, V>(definition: { readonly spec: MapSpec<K, V> }): BpfMap<K, V> {
    return this.#live.get(definition.spec.name) as unknown as BpfMap<K, V>;
  }

  get now(): number {
    return this.#now;
  }

  /** Lets time pass; known hops stay fresh. */
  advance(ticks: number): void {
    this.#now = (this.#now + ticks) >>> 0;
    this.#writeSettings();
    this.#freshenHops();
  }

  /** Changes the ticks that a connection lives in `state`. */
  setTimeout(state: number, ticks: number): void {
    this.#timeouts[state] = ticks;
    this.#writeSettings();
  }

  send(frame: Uint8Array, ingressIfindex?: number): Sent {
    const output = this.#balancer.run({
      packet: frame,
      ...(ingressIfindex !== undefined && { ingressIfindex }),
    });
    const { redirectIfindex } = output as Partial<MemoryRunOutput>;
    return { verdict: VERDICTS[output.verdict] ?? "aborted", frame: output.packet, redirectIfindex };
  }

  /** The programs once more, on the same maps: another CPU that runs while the first is in the middle. */
  loadAgain(): { readonly balancer: BpfProgram; readonly reaper: BpfProgram } {
    const { balancerSpec, reaperSpec } = compiled(this.shape);
    return {
      balancer: this.host.loadProgram(balancerSpec, this.#live),
      reaper: this.host.loadProgram(reaperSpec, this.#live),
    };
  }

  /** Hands the reaper its next work: these keys, at most REAPER_BATCH. */
  assignReaper(flows: readonly FlowValue[], options: { readonly force?: true } = {}): void {
    const { key } = this.maps.connections.spec;
    const keys = new Uint8Array(REAPER_BATCH * key.size);
    flows.forEach((flow, index) => keys.set(key.encode(flow), index * key.size));
    this.map(this.maps.reaperWork).update(0, { count: flows.length, force: options.force === true ? 1 : 0, keys });
  }

  /** Runs the reaper on the work it was handed last. Returns how many connections it ended. */
  runReaper(): number {
    return this.#reaper.run({ packet: new Uint8Array(64) }).verdict;
  }

  /**
   * Gives a service's destinations other weights, as the control plane does: members, table, and the start
   * of schedulers that have one. `position: "keep"` leaves the scheduler standing where it was.
   */
  setWeights(serviceIndex: number, weights: readonly number[], options: { readonly position?: "keep" } = {}): void {
    const service = this.plan.services[serviceIndex] as ServicePlan;
    const destinations = service.destinations.map((entry, index) => ({ ...entry, weight: weights[index] ?? 0 }));
    const members = this.#writeMembers(serviceIndex, { ...service, destinations });
    const start = schedulers[service.scheduler ?? "rr"].start?.(members);
    if (start === undefined || options.position === "keep") return;
    this.map(this.maps.positions).update(serviceIndex, { value: start, reserved: new Uint8Array(56) });
  }

  /** Where the scheduler of a service stands. */
  position(serviceIndex: number): bigint {
    return this.map(this.maps.positions).lookup(serviceIndex)?.value ?? 0n;
  }

  loads(): LoadView[] {
    const map = this.map(this.maps.loads);
    return this.#destinations().map((_, index) => {
      const { connections, scheduled } = map.lookup(index) as { connections: bigint; scheduled: bigint };
      const inactive = Number(connections & 0xffff_ffffn);
      return { active: Number(connections >> 32n), inactive, scheduled: Number(scheduled) };
    });
  }

  /** Traffic by destination, all CPUs together. */
  traffic(): TrafficView[] {
    const map = this.map(this.maps.paths);
    return this.#destinations().map((_, index) => {
      const sum = (field: "packetsIn" | "bytesIn" | "packetsOut" | "bytesOut") =>
        Number((map.lookupPerCpu(index) ?? []).reduce((total, path) => total + path[field], 0n));
      const [packetsIn, bytesIn, packetsOut, bytesOut] = [
        sum("packetsIn"),
        sum("bytesIn"),
        sum("packetsOut"),
        sum("bytesOut"),
      ];
      return { packetsIn, bytesIn, packetsOut, bytesOut };
    });
  }

  /** How many packets left for each reason, all CPUs together; reasons that none left for are absent. */
  verdicts(): Partial<Record<ReasonName, number>> {
    const map = this.map(this.maps.verdicts);
    const counts = reasonNames.map((name, code) => {
      const packets = (map.lookupPerCpu(code) ?? []).reduce((total, counter) => total + counter.packets, 0n);
      return [name, Number(packets)] as const;
    });
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  /** All client entries of the table, sorted. */
  connections(): ConnectionView[] {
    return this.#entries()
      .filter(([, connection]) => connection.direction === 0)
      .map(([flow, connection]) => viewOf(flow, connection))
      .sort((a, b) => (connectionKey(a) < connectionKey(b) ? -1 : 1));
  }

  /** How many entries of the table lead from replies to their connections. */
  replyEntries(): number {
    return this.#entries().filter(([, connection]) => connection.direction === 1).length;
  }

  /** Runs the reaper over the connections that look expired, or over all. Returns how many it ended. */
  reap(options: { readonly all?: true; readonly force?: true } = {}): number {
    const keys = this.#entries()
      .filter(([, { direction, life }]) => direction === 0 && (options.all === true || this.#isExpired(life)))
      .map(([flow]) => flow);
    let removed = 0;
    for (let at = 0; at < keys.length; at += REAPER_BATCH) {
      this.assignReaper(keys.slice(at, at + REAPER_BATCH), options);
      removed += this.runReaper();
    }
    return removed;
  }

  [Symbol.dispose](): void {
    this.#balancer?.close();
    this.#reaper?.close();
    for (const map of [...this.#live.values(), ...this.#inner]) map.close();
  }

  #entries(): [FlowValue, ConnectionValue][] {
    return [...this.map(this.maps.connections).entries()] as [FlowValue, ConnectionValue][];
  }

  #destinations() {
    return this.plan.services.flatMap(({ destinations }) => destinations);
  }

  #isExpired(life: bigint): boolean {
    return ((Number(life & 0xffff_ffffn) - this.#now) | 0) <= 0;
  }

  #writeServices(): void {
    const { serviceIndex, destinations } = this.maps;
    this.plan.services.forEach((service, index) => {
      const protocol = PROTOCOLS[service.protocol ?? "tcp"];
      const key = { address: ipv4ToNumber(service.address), port: service.port, protocol };
      this.map(serviceIndex).update(key, { service: index });
      const first = (this.#firstOf[index - 1] ?? 0) + (this.plan.services[index - 1]?.destinations.length ?? 0);
      this.#firstOf.push(first);
      service.destinations.forEach((destination, at) => {
        this.map(destinations).update(first + at, {
          address: ipv4ToNumber(destination.address),
          port: destination.port ?? service.port,
          method: methods[destination.method ?? "nat"].code,
          hasReplyRule: this.#answersForOne(service, destination) ? 1 : 0,
        });
        this.#writeReplyRule(service, destination);
      });
      const members = this.#writeMembers(index, service);
      const start = schedulers[service.scheduler ?? "rr"].start?.(members) ?? 0n;
      this.map(this.maps.positions).update(index, { value: start, reserved: new Uint8Array(56) });
    });
  }

  /** Whether a real server's port serves one translating service of its protocol only. */
  #answersForOne(service: ServicePlan, destination: DestinationPlan): boolean {
    const endpoint = (of: ServicePlan, { address, port = of.port }: DestinationPlan) =>
      `${of.protocol ?? "tcp"} ${address} ${port}`;
    const translating = this.plan.services.flatMap((of) =>
      of.destinations.filter(({ method = "nat" }) => method === "nat").map((candidate) => endpoint(of, candidate)),
    );
    const isTranslating = (destination.method ?? "nat") === "nat";
    return isTranslating && translating.filter((other) => other === endpoint(service, destination)).length === 1;
  }

  #writeReplyRule(service: ServicePlan, destination: DestinationPlan): void {
    if (!this.#answersForOne(service, destination)) return;
    const protocol = PROTOCOLS[service.protocol ?? "tcp"];
    const port = destination.port ?? service.port;
    const value = { address: ipv4ToNumber(service.address), port: service.port, reserved: 0 };
    this.map(this.maps.replyRules).update({ address: ipv4ToNumber(destination.address), port, protocol }, value);
  }

  #writeMembers(index: number, service: ServicePlan): readonly WeightedMember[] {
    const scheduler = schedulers[service.scheduler ?? "rr"];
    const first = this.#firstOf[index] ?? 0;
    const members = service.destinations.map(({ weight = 1 }, at) => ({ destination: first + at, weight }));
    const nothing = { destination: 0, weight: 0 };
    const all = Array.from({ length: this.shape.maximumMembers }, (_, at) => members[at] ?? nothing);
    const inner = this.#createInner(this.maps.membersInner.spec);
    inner.update(0, all);
    this.map(this.maps.members).updateInner(index, inner as BpfMap);
    const table = scheduler.table?.(members);
    if (table !== undefined) {
      const slots = this.#createInner({ ...this.maps.tablesInner.spec, maxEntries: table.length });
      table.forEach((destination, slot) => slots.update(slot, destination));
      this.map(this.maps.tables).updateInner(index, slots as BpfMap);
    }
    this.map(this.maps.services).update(index, {
      scheduler: scheduler.code,
      memberCount: members.length,
      weightDivisor: weightDivisor(members),
      highestLevel: highestLevel(members),
    });
    return members;
  }

  #createInner<K, V>(spec: MapSpec<K, V>): BpfMap<K, V> {
    const map = this.host.createMap(spec);
    this.#inner.push(map as BpfMap);
    return map;
  }

  #writeSettings(): void {
    this.map(this.maps.settings).update(0, {
      ticksPerSecond: TICKS_PER_SECOND,
      now: this.#now,
      timeouts: this.#timeouts,
      transitions: transitionBytes(),
    });
  }

  #freshenHops(): void {
    if (this.plan.hops === "unknown") return;
    const paths = this.map(this.maps.paths) as BpfMap<number, PathValue>;
    this.#destinations().forEach((destination, index) => {
      const hop = hopValue(destination.address, destinationHop(destination, index), this.#now);
      paths.updatePerCpu(
        index,
        (paths.lookupPerCpu(index) ?? []).map((path) => ({ ...path, hop })),
      );
    });
    const hops = this.map(this.maps.clientHops) as BpfMap<number, HopValue>;
    const taken = new Map<number, string>();
    for (const client of this.plan.clients ?? []) {
      const slot = clientSlot(client);
      const other = taken.get(slot);
      if (other !== undefined) throw new Error(`clients ${other} and ${client} share slot ${slot}: choose others`);
      taken.set(slot, client);
      hops.update(slot, hopValue(client, clientHop(this.plan), this.#now));
    }
  }
}

interface Compiled {
  readonly maps: BalancerMaps;
  readonly balancerSpec: ProgramSpec;
  readonly reaperSpec: ProgramSpec;
}
/** By shape: equal shapes give equal programs, and compiling takes longer than most tests. */
const known = new Map<string, Compiled>();

function compiled(shape: BalancerShape): Compiled {
  const key = JSON.stringify({ ...shape, macs: shape.macs.map(toHex) });
  const found = known.get(key);
  if (found !== undefined) return found;
  const maps = balancerMaps(shape);
  const made = { maps, balancerSpec: compile(balancer(maps, shape)), reaperSpec: compile(reaper(maps, shape)) };
  known.set(key, made);
  return made;
}

function shapeOf(plan: BalancerPlan): BalancerShape {
  const used = plan.services.flatMap(({ destinations }) => destinations.map(({ method = "nat" }) => method));
  const count = plan.services.reduce((sum, { destinations }) => sum + destinations.length, 0);
  return {
    schedulers: [...new Set(plan.services.map(({ scheduler = "rr" }) => scheduler))],
    methods: used.length === 0 ? ["nat"] : [...new Set(used)],
    macs: (plan.macs ?? [director.mac]).map((mac) => macBytes(mac)),
    maximumConnections: plan.maximumConnections ?? 4096,
    maximumServices: Math.max(plan.services.length, 1),
    maximumDestinations: Math.max(count, 1),
    maximumMembers: plan.maximumMembers ?? 16,
    ...(plan.sendBack !== undefined && { sendBack: plan.sendBack }),
    clock: "manual",
  };
}

function hopValue(address: string, hop: Required<HopPlan>, now: number): HopValue {
  return {
    address: ipv4ToNumber(address),
    refreshedAt: now,
    ifindex: hop.ifindex,
    mtu: hop.mtu,
    vlan: hop.vlan,
    macs: { destination: macBytes(hop.mac), source: macBytes(hop.sourceMac) },
    reserved: 0,
  };
}

const endpoint = (address: number, port: number) => `${formatAddress(ipv4FromNumber(address))}:${port}`;

function viewOf(flow: FlowValue, connection: ConnectionValue): ConnectionView {
  return {
    client: endpoint(flow.source, flow.sourcePort),
    service: endpoint(flow.destination, flow.destinationPort),
    protocol: flow.protocol,
    server: endpoint(connection.address, connection.port),
    destination: connection.destination,
    state: Number(connection.life >> 32n) & 15,
    expiresAt: Number(connection.life & 0xffff_ffffn),
  };
}

/** Sorts connections, and names one in messages. */
export function connectionKey({ client, service, protocol }: ConnectionView): string {
  return `${protocol} ${client} ${service}`;
}

/** Active and inactive connections of each destination, counted anew from the table. */
export function recount(connections: readonly ConnectionView[], destinations: number) {
  const counts = Array.from({ length: destinations }, () => ({ active: 0, inactive: 0 }));
  for (const { destination, state } of connections) {
    const count = counts[destination];
    if (count === undefined) throw new Error(`a connection has destination ${destination}, of ${destinations}`);
    if (ACTIVE.includes(state)) count.active += 1;
    else count.inactive += 1;
  }
  return counts;
}
const ACTIVE: readonly number[] = [states.ESTABLISHED, states.SYN_SENT, states.SYN_RECV, states.SYNACK];
