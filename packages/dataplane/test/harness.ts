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
import { addressFromWords, addressWords, formatAddress, macBytes, toHex } from "@yardmaster/packet";
import {
  balancer,
  type BalancerMaps,
  type BalancerShape,
  balancerMaps,
  CLIENT_HOPS,
  defaultTimeoutsMs,
  destinationFlags,
  families,
  type Family,
  type FamilyName,
  featureNames,
  highestLevel,
  type ListedMember,
  LONGEST,
  methods,
  type NextHop,
  type Path,
  REAPER_BATCH,
  type ReasonName,
  reaper,
  reaperTables,
  reasonNames,
  ReaperWork,
  removalActions,
  schedulers,
  states,
  transitionBytes,
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

type FlowValue = JsOf<Family["FlowKey"]>;
type ConnectionValue = JsOf<Family["Connection"]>;
type PathValue = JsOf<typeof Path>;
type HopValue = JsOf<typeof NextHop>;
type ServiceValue = JsOf<BalancerMaps["Service"]>;
type SettingsValue = Parameters<BalancerMaps["settings"]["spec"]["value"]["encode"]>[0];

/** The slot in which a client's next hop is cached: the upper bits of a multiplicative hash of its folded bytes. */
export function clientSlot(address: string): number {
  const bytes = addressFromWords(addressWords(address));
  const view = new DataView(bytes.buffer);
  let inMemory = 0;
  for (let at = 0; at < bytes.length; at += 4) inMemory ^= view.getUint32(at, true);
  return Math.imul(inMemory, 0x9e37_79b1) >>> (32 - Math.log2(CLIENT_HOPS));
}

/** The family of an address. */
export function familyOf(address: string): FamilyName {
  return addressWords(address).length === 1 ? "ipv4" : "ipv6";
}

const anyAddress = (address: string): number[] => {
  const words = addressWords(address);
  return Array.from({ length: LONGEST }, (_, index) => words[index] ?? 0);
};

export class Balancer implements Disposable {
  readonly host: BpfHost;
  readonly plan: BalancerPlan;
  readonly shape: BalancerShape;
  readonly maps: BalancerMaps;
  readonly #live = new Map<string, BpfMap>();
  readonly #inner: BpfMap[] = [];
  /** By index: the value that the programs see now. */
  readonly #services = new Map<number, BpfMap<number, ServiceValue>>();
  #settings: Partial<SettingsValue> = {};
  readonly #balancer: BpfProgram;
  readonly #reaper: BpfProgram;
  readonly #timeouts: number[];
  /** Destinations of all services one after another: the index of the first of each. */
  readonly #firstOf: number[] = [];
  /** Of each destination: the latest weight that was not 0. */
  readonly #lastWeights = new Map<number, number>();
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
      for (const spec of specsOf(this.maps)) this.#live.set(spec.name, host.createMap(spec));
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

  /** Hands the reaper its next work: these connections of one family, at most REAPER_BATCH. */
  assignReaper(
    flows: readonly FlowValue[],
    options: { readonly force?: true; readonly family?: FamilyName } = {},
  ): void {
    const family = families[options.family ?? "ipv4"];
    const key = family.FlowKey;
    const keys = new Uint8Array(ReaperWork.fields.keys.size);
    flows.forEach((flow, index) => keys.set(key.encode(flow), index * key.size));
    this.map(this.maps.reaperWork).update(0, {
      count: flows.length,
      force: options.force === true ? 1 : 0,
      family: Number(family.digit),
      table: reaperTables.connections,
      keys,
    });
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
    this.#writeService(serviceIndex, { ...service, destinations }, options.position);
  }

  /** Where the scheduler of a service stands. */
  position(serviceIndex: number): bigint {
    return this.#services.get(serviceIndex)?.lookup(0)?.position ?? 0n;
  }

  /** Puts the scheduler of a service where it is to stand. */
  setPosition(serviceIndex: number, position: bigint): void {
    const map = this.#services.get(serviceIndex);
    const service = map?.lookup(0);
    if (service !== undefined) map?.update(0, { ...service, position });
  }

  /** Forgets the way to a destination, as the control plane does where its index gets another address. */
  forgetWay(destination: number): void {
    const paths = this.map(this.maps.paths) as BpfMap<number, PathValue>;
    const known = paths.lookupPerCpu(destination) ?? [];
    paths.updatePerCpu(
      destination,
      known.map((path) => ({ ...path, hop: { ...path.hop, ifindex: 0 } })),
    );
  }

  /** Changes settings that the programs read as they run. */
  set(settings: Partial<SettingsValue>): void {
    this.#settings = { ...this.#settings, ...settings };
    this.#writeSettings();
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
    return this.shape.families
      .flatMap((family) => this.#entries(family))
      .filter(([, connection]) => connection.direction === 0)
      .map(([flow, connection]) => viewOf(flow, connection))
      .sort((a, b) => (connectionKey(a) < connectionKey(b) ? -1 : 1));
  }

  /** How many entries of the table lead from replies to their connections. */
  replyEntries(): number {
    const entries = this.shape.families.flatMap((family) => this.#entries(family));
    return entries.filter(([, connection]) => connection.direction === 1).length;
  }

  /** Runs the reaper over the connections that look expired, or over all. Returns how many it ended. */
  reap(options: { readonly all?: true; readonly force?: true } = {}): number {
    let removed = 0;
    for (const family of this.shape.families) {
      const keys = this.#entries(family)
        .filter(([, { direction, life }]) => direction === 0 && (options.all === true || this.#isExpired(life)))
        .map(([flow]) => flow);
      for (let at = 0; at < keys.length; at += REAPER_BATCH) {
        this.assignReaper(keys.slice(at, at + REAPER_BATCH), { ...options, family });
        removed += this.runReaper();
      }
    }
    return removed;
  }

  [Symbol.dispose](): void {
    this.#balancer?.close();
    this.#reaper?.close();
    for (const map of [...this.#live.values(), ...this.#inner]) map.close();
  }

  #entries(family: FamilyName): [FlowValue, ConnectionValue][] {
    return [...this.map(this.maps[family].connections).entries()] as [FlowValue, ConnectionValue][];
  }

  #destinations() {
    return this.plan.services.flatMap(({ destinations }) => destinations);
  }

  #isExpired(life: bigint): boolean {
    return ((Number(life & 0xffff_ffffn) - this.#now) | 0) <= 0;
  }

  #writeServices(): void {
    const { destinations } = this.maps;
    this.plan.services.forEach((service, index) => {
      const first = (this.#firstOf[index - 1] ?? 0) + (this.plan.services[index - 1]?.destinations.length ?? 0);
      this.#firstOf.push(first);
      service.destinations.forEach((destination, at) => {
        const upperThreshold = destination.upperThreshold ?? 0;
        this.map(destinations).update(first + at, {
          address: anyAddress(destination.address),
          port: destination.port ?? service.port,
          method: methods[destination.method ?? "nat"].code,
          flags: this.#answersForOne(service, destination) ? destinationFlags.hasReplyRule : 0,
          service: index,
          weight: destination.weight ?? 1,
          upperThreshold,
          lowerThreshold: destination.lowerThreshold ?? upperThreshold - Math.floor(upperThreshold / 4),
          reserved: new Uint8Array(28),
        });
        this.#writeReplyRule(service, destination);
      });
      this.#writeService(index, service);
      const protocol = PROTOCOLS[service.protocol ?? "tcp"];
      const key = { address: addressWords(service.address), port: service.port, protocol };
      this.map(this.maps[familyOf(service.address)].serviceIndex).update(key, { service: index });
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
    const value = { address: addressWords(service.address), port: service.port, reserved: 0 };
    const { replyRules } = this.maps[familyOf(service.address)];
    this.map(replyRules).update({ address: addressWords(destination.address), port, protocol }, value);
  }

  #writeService(index: number, service: ServicePlan, position?: "keep"): void {
    const scheduler = schedulers[service.scheduler ?? "rr"];
    const first = this.#firstOf[index] ?? 0;
    const listed = service.destinations.map(({ address, port, weight = 1 }, at): ListedMember => {
      const addressFold = addressWords(address).reduce((sum, word) => (sum ^ word) >>> 0, 0);
      const destination = first + at;
      const lastWeight = weight > 0 ? weight : (this.#lastWeights.get(destination) ?? 0);
      this.#lastWeights.set(destination, lastWeight);
      return { destination, weight, lastWeight, addressFold, port: port ?? service.port };
    });
    listed.forEach(({ destination, weight }) => {
      const record = this.map(this.maps.destinations).lookup(destination);
      if (record !== undefined) this.map(this.maps.destinations).update(destination, { ...record, weight });
    });
    const table = scheduler.table?.(listed);
    const members = listed.map(({ destination, weight }) => ({ destination, weight }));
    const start = position === "keep" ? this.position(index) : (scheduler.start?.(listed) ?? this.position(index));
    const inner = this.#createInner(this.maps.inner.service.spec) as BpfMap<number, ServiceValue>;
    inner.update(0, {
      position: start,
      positionReserved: new Uint8Array(56),
      scheduler: scheduler.code,
      options: 0,
      memberCount: members.length,
      listedCount: members.length,
      weightDivisor: weightDivisor(members),
      highestLevel: highestLevel(members),
      flags: 0,
      persistenceTicks: 0,
      maskBits: 0,
      newPerSecond: 0,
      halfOpenMaximum: 0,
      tableLength: table?.length ?? 0,
      reserved: new Uint8Array(16),
      members,
    });
    this.#services.set(index, inner);
    if (table !== undefined) {
      const slots = this.#createInner({ ...this.maps.inner.slots.spec, maxEntries: table.length });
      table.forEach((destination, slot) => slots.update(slot, destination));
      this.map(this.maps.tables).updateInner(index, slots as BpfMap);
    }
    this.map(this.maps.services).updateInner(index, inner as unknown as BpfMap);
  }

  #createInner<K, V>(spec: MapSpec<K, V>): BpfMap<K, V> {
    const map = this.host.createMap(spec);
    this.#inner.push(map as BpfMap);
    return map;
  }

  #writeSettings(): void {
    this.map(this.maps.settings).update(0, {
      reuseMode: 0,
      onRemoval: removalActions.drop,
      removedDestinations: 0,
      leaveQuiesced: 0,
      sloppyTcp: 0,
      refuseSourcePort20: 0,
      dropRate: 0,
      refusesByIcmp: 0,
      answersPerSecond: 1000,
      localitySetTicks: 86_400 * TICKS_PER_SECOND,
      ...this.#settings,
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
      const hop = hopValue(destinationHop(destination, index), this.#now);
      paths.updatePerCpu(
        index,
        (paths.lookupPerCpu(index) ?? []).map((path) => ({ ...path, hop })),
      );
    });
    const taken = new Map<number, string>();
    for (const client of this.plan.clients ?? []) {
      const slot = clientSlot(client);
      const other = taken.get(slot);
      if (other !== undefined) throw new Error(`clients ${other} and ${client} share slot ${slot}: choose others`);
      taken.set(slot, client);
      const hop = hopValue(clientHop(this.plan), this.#now);
      this.map(this.maps[familyOf(client)].clientHops).update(slot, { address: addressWords(client), hop });
    }
  }
}

interface Compiled {
  readonly maps: BalancerMaps;
  readonly balancerSpec: ProgramSpec;
  readonly reaperSpec: ProgramSpec;
}
/** The definitions of a program's maps, without the templates of inner ones. */
function specsOf({ inner: _inner, Service: _type, ipv4, ipv6, ...common }: BalancerMaps): MapSpec[] {
  const definitions = [common, ipv4, ipv6].flatMap((maps) => Object.values(maps)) as { readonly spec: unknown }[];
  return definitions.map(({ spec }) => spec as MapSpec);
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
  const familyNames = new Set(plan.services.map(({ address }) => familyOf(address)));
  return {
    families: familyNames.size === 0 ? ["ipv4"] : [...familyNames].sort(),
    activeCost: plan.activeCost ?? 256,
    features: plan.features ?? featureNames.filter((name) => name !== "fullUdpChecksums"),
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

function hopValue(hop: Required<HopPlan>, now: number): HopValue {
  return {
    refreshedAt: now,
    ifindex: hop.ifindex,
    mtu: hop.mtu,
    vlan: hop.vlan,
    macs: { destination: macBytes(hop.mac), source: macBytes(hop.sourceMac) },
  };
}

/** As IPVS writes it: IPv6 addresses in brackets. */
const endpoint = (words: readonly number[], port: number) => {
  const text = formatAddress(addressFromWords(words));
  return words.length === 1 ? `${text}:${port}` : `[${text}]:${port}`;
};

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
