// A balancer on a host, made from a plan: the real maps and programs, a clock that the test moves, packets
// in and out, and everything that the maps tell, read back in plain values.

import type { BpfHost, BpfMap, BpfProgram, JsOf, MapSpec, RunOutput } from "@yardmaster/ebpf";
import type { MemoryRunOutput } from "@yardmaster/ebpf/vm";
import { addressFromWords, addressWords } from "@yardmaster/packet";
import {
  type BalancerMaps,
  type BalancerShape,
  CLIENT_HOPS,
  defaultTimeoutsMs,
  families,
  type FamilyName,
  hasFeature,
  type Path,
  REAPER_BATCH,
  type ReasonName,
  readLife,
  reaperForces,
  reaperTables,
  reasonNames,
  ReaperWork,
  removalActions,
  type StateName,
  states,
  transitionBytes,
} from "../src/index.ts";
import { type Compiled, compiled, familyOf, shapeOf, specsOf } from "./compiled.ts";
import { clear, hopValue, localPortSettings } from "./map-values.ts";
import {
  type BalancerPlan,
  clientHop,
  destinationHop,
  director,
  type DestinationPlan,
  INGRESS,
  type SettingsPlan,
  type Thresholds,
  TICKS_PER_SECOND,
} from "./plan.ts";
import { ServiceTables } from "./service-tables.ts";
import { hookOf, runAtTc } from "./tc-host.ts";
import {
  connectionKey,
  type ConnectionValue,
  connectionView,
  crossingLocal,
  endpointText,
  type ConnectionView,
  type FlowValue,
  type LoadView,
  type LocalFlowValue,
  localFlowView,
  type LocalFlowView,
  type TemplateKeyValue,
  type TemplateValue,
  templateView,
  type TemplateView,
  type TrafficView,
} from "./views.ts";

const VERDICTS = ["aborted", "drop", "pass", "tx", "redirect"] as const;
export type VerdictName = (typeof VERDICTS)[number];

/** What became of a packet. */
export interface Sent {
  readonly verdict: VerdictName;
  readonly frame: Uint8Array;
  /** Only in memory: the kernel does not say where a test run redirects to. */
  readonly redirectIfindex: number | undefined;
  /** tc in the kernel: that it is sent is known, not whether it goes back where it came from. */
  readonly isSomewhere?: boolean;
}

/** What the reaper is to end, and whether only what has expired. */
export interface ReapOptions {
  /** Hands it also what has not expired. */
  readonly all?: true;
  /** Ends whatever it is handed; or, besides what has expired, what belongs to removed destinations. */
  readonly force?: Exclude<keyof typeof reaperForces, "expired">;
}

type ReaperTableName = keyof typeof reaperTables;
interface ReaperTable {
  readonly family: FamilyName;
  readonly table: ReaperTableName;
}
interface ForceOptions {
  readonly force?: keyof typeof reaperForces;
}

type PathValue = JsOf<typeof Path>;

/** The slot in which a client's next hop is cached: the upper bits of a multiplicative hash of its folded bytes. */
export function clientSlot(address: string, slots = CLIENT_HOPS): number {
  const bytes = addressFromWords(addressWords(address));
  const view = new DataView(bytes.buffer);
  let inMemory = 0;
  for (let at = 0; at < bytes.length; at += 4) inMemory ^= view.getUint32(at, true);
  return Math.imul(inMemory, 0x9e37_79b1) >>> (32 - Math.log2(slots));
}

export class Balancer implements Disposable {
  readonly host: BpfHost;
  plan: BalancerPlan;
  readonly shape: BalancerShape;
  readonly maps: BalancerMaps;
  readonly tables: ServiceTables;
  readonly #live = new Map<string, BpfMap>();
  readonly #compiled: Compiled;
  #settings: SettingsPlan;
  readonly #balancer: BpfProgram;
  #reaper: BpfProgram | undefined;
  #timeouts: number[];
  #now: number;

  constructor(host: BpfHost, plan: BalancerPlan) {
    this.host = host;
    this.plan = plan;
    this.#now = plan.now ?? 1000;
    this.#settings = plan.settings ?? {};
    this.#timeouts = defaultTimeouts();
    this.shape = { ...shapeOf(plan), hook: hookOf(host) };
    this.#compiled = compiled(this.shape);
    this.maps = this.#compiled.maps;
    this.tables = new ServiceTables(host, this.maps, (definition) => this.map(definition), plan);
    try {
      for (const spec of specsOf(this.maps)) this.#live.set(spec.name, host.createMap(spec));
      this.#balancer = host.loadProgram(this.#compiled.balancerSpec, this.#live);
      this.tables.write(this.plan);
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

  /** Changes how long connections live in a state, in ticks. */
  setTimeoutOf(state: StateName, ticks: number): void {
    this.#timeouts[states[state]] = ticks;
    this.#writeSettings();
  }

  send(frame: Uint8Array, ingressIfindex?: number): Sent {
    if (this.shape.hook === "tc") {
      const macs = this.plan.macs ?? [director.mac];
      const ran = runAtTc(this.host, this.#balancer, {
        frame,
        macs,
        ingress: ingressIfindex ?? INGRESS,
        goesBackAs: this.shape.sendBack ?? "tx",
      });
      const { packet, redirectIfindex } = ran.output as RunOutput & Partial<MemoryRunOutput>;
      const isSomewhere = this.host.kind === "kernel" && ran.isSent;
      return { verdict: ran.verdict, frame: packet, redirectIfindex, isSomewhere };
    }
    const output = this.#balancer.run({
      packet: frame,
      ...(ingressIfindex !== undefined && { ingressIfindex }),
    });
    const { redirectIfindex } = output as Partial<MemoryRunOutput>;
    return { verdict: VERDICTS[output.verdict] ?? "aborted", frame: output.packet, redirectIfindex };
  }

  /** Everything that the control plane writes is as planned again; tables and counts stay. */
  reset(): void {
    this.tables.write(this.plan);
    this.#settings = this.plan.settings ?? {};
    this.#writeSettings();
  }

  /** Everything is as in a new balancer for `plan`, which has the same shape: maps and programs stay. */
  become(plan: BalancerPlan): void {
    for (const map of this.#live.values()) clear(map);
    this.plan = plan;
    this.#now = plan.now ?? 1000;
    this.#timeouts = defaultTimeouts();
    this.reset();
    this.#freshenHops();
  }

  /** Loads the programs once more, on the same maps: for another CPU that runs while the first is in the middle. */
  get programs(): Readonly<Record<"balancer" | "reaper" | "prober", () => BpfProgram>> {
    return {
      balancer: () => this.host.loadProgram(this.#compiled.balancerSpec, this.#live),
      reaper: () => this.host.loadProgram(this.#compiled.reaperSpec, this.#live),
      prober: () => this.host.loadProgram(this.#compiled.proberSpec, this.#live),
    };
  }

  /** Hands the reaper its next work in one table of the first family: what looks expired, at most REAPER_BATCH. */
  assignReaper({ table, ...options }: ReapOptions & { readonly table: keyof typeof reaperTables }): void {
    const [family = "ipv4"] = this.shape.families;
    this.#assign({ family, table }, this.#keysFor({ family, table }, options).slice(0, REAPER_BATCH), options);
  }

  /** Keys of a table's entries that the reaper is to look at. */
  #keysFor({ family, table }: ReaperTable, options: ReapOptions): Uint8Array[] {
    const { FlowKey, TemplateKey } = families[family];
    if (table === "templates") {
      const found = this.#templates(family).filter(([, { life }]) => this.#isFor(options, life));
      return found.map(([key]) => TemplateKey.encode(key));
    }
    const found = this.#entries(family).filter(
      ([, { direction, life }]) => direction === 0 && this.#isFor(options, life),
    );
    return found.map(([flow]) => FlowKey.encode(flow));
  }

  #assign({ family, table }: ReaperTable, keys: readonly Uint8Array[], { force = "expired" }: ForceOptions): void {
    const bytes = new Uint8Array(ReaperWork.fields.keys.size);
    keys.forEach((key, index) => bytes.set(key, index * key.length));
    this.map(this.maps.reaperWork).update(0, {
      count: keys.length,
      force: reaperForces[force],
      family: Number(families[family].digit),
      table: reaperTables[table],
      keys: bytes,
    });
  }

  /** Runs the reaper on the work it was handed last. Returns how many entries it ended. */
  runReaper(): number {
    this.#reaper ??= this.programs.reaper();
    return this.#reaper.run({ packet: new Uint8Array(64) }).verdict;
  }

  /**
   * Gives a service's destinations other weights, as the control plane does: members, table, and where the scheduler
   * stands. `position: "keep"` leaves it standing where it was.
   */
  setWeights(service: number, weights: readonly number[], options: { readonly position?: "keep" } = {}): void {
    this.tables.setWeights(service, weights, options.position ?? "moved");
  }

  /** Takes a destination out of its service, or puts it back. */
  setRemoved(destination: number, state: "removed" | "listed"): void {
    this.tables.setRemoved(destination, state);
    this.#writeSettings();
  }

  /** What checks have found of a destination. */
  setDown(destination: number, state: "down" | "up"): void {
    this.tables.setDown(destination, state);
  }

  /** Changes thresholds; whether the destination is overloaded now is the reaper's to say. */
  setThresholds(destination: number, thresholds: Thresholds): void {
    this.tables.setThresholds(destination, thresholds);
    if (!hasFeature(this.shape, "thresholds")) return;
    const key = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, destination, true);
    this.#assign({ family: "ipv4", table: "thresholds" }, [key], {});
    this.runReaper();
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
  set(settings: SettingsPlan): void {
    this.#settings = { ...this.#settings, ...settings };
    this.#writeSettings();
  }

  loads(): LoadView[] {
    return this.records().map(({ connections, scheduled }) => {
      const inactive = Number(connections & 0xffff_ffffn);
      return { active: Number(connections >> 32n), inactive, scheduled: Number(scheduled) };
    });
  }

  /** Which destinations have reached their upper threshold and not come below the lower one. */
  overloaded(): boolean[] {
    return this.records().map(({ overloaded }) => overloaded !== 0);
  }

  /** Connections of each destination of whose client it was not told. */
  untold(): number[] {
    return this.records().map(({ clientsUntold }) => clientsUntold);
  }

  /** How many templates each destination counts. */
  templateCounts(): number[] {
    return this.records().map(({ templates }) => templates);
  }

  /** How many half-open connections each service counts. */
  halfOpen(): number[] {
    const map = this.map(this.maps.serviceLoads);
    return this.plan.services.map((_, index) => map.lookup(index)?.halfOpen ?? 0);
  }

  /** What is counted of each destination, as it is in the map. */
  records() {
    const map = this.map(this.maps.loads);
    return this.#destinations().map((_, index) => {
      const load = map.lookup(index);
      if (load === undefined) throw new Error(`there is no destination ${index}`);
      return load;
    });
  }

  /** Traffic by destination, all CPUs together. */
  traffic(): TrafficView[] {
    const map = this.map(this.maps.paths);
    return this.#destinations().map((_, index) => {
      const paths = map.lookupPerCpu(index) ?? [];
      const sum = (field: "packetsIn" | "bytesIn" | "packetsOut" | "bytesOut") =>
        Number(paths.reduce((total, path) => total + path[field], 0n));
      return {
        packetsIn: sum("packetsIn"),
        bytesIn: sum("bytesIn"),
        packetsOut: sum("packetsOut"),
        bytesOut: sum("bytesOut"),
      };
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
      .map(connectionView)
      .map((view) => ({ ...view, server: this.#serverOf(view) }))
      .sort((a, b) => (connectionKey(a) < connectionKey(b) ? -1 : 1));
  }

  /** Where a connection leads: its entry has no room for an address of the other family. */
  #serverOf({ destination, server, client }: ConnectionView): string {
    const { address = "", method } = this.#destinations()[destination] ?? {};
    if (address.includes(":") === client.startsWith("[")) return server;
    const port = Number(server.slice(server.lastIndexOf(":") + 1));
    if (method !== "fullnat") return endpointText(address, port);
    const named = (name: number) => this.map(this.maps.localNames).lookup({ name })?.address ?? [];
    return endpointText(crossingLocal(server, named), port);
  }

  /** How many entries of the table lead from replies to their connections. */
  replyEntries(): number {
    const entries = this.shape.families.flatMap((family) => this.#entries(family));
    return entries.filter(([, connection]) => connection.direction === 1).length;
  }

  /** Which local address and port each connection of full NAT has, and towards which server. */
  localFlows(): LocalFlowView[] {
    const flows = this.shape.families.flatMap((family) => [...this.map(this.maps[family].localFlows).entries()]);
    return (flows as [FlowValue, LocalFlowValue][]).map(localFlowView);
  }

  /** All templates, by serial. */
  templates(): TemplateView[] {
    return this.shape.families
      .flatMap((family) => this.#templates(family).map(templateView))
      .sort((a, b) => a.serial - b.serial);
  }

  /** Runs the reaper over the connections that look expired, or over all. Returns how many it ended. */
  reap(options: ReapOptions = {}): number {
    return this.#reapTable("connections", options);
  }

  /** The same over templates. */
  reapTemplates(options: ReapOptions = {}): number {
    return this.#reapTable("templates", options);
  }

  #reapTable(table: ReaperTableName, options: ReapOptions): number {
    let ended = 0;
    for (const family of this.shape.families) {
      const keys = this.#keysFor({ family, table }, options);
      for (let at = 0; at < keys.length; at += REAPER_BATCH) {
        this.#assign({ family, table }, keys.slice(at, at + REAPER_BATCH), options);
        ended += this.runReaper();
      }
    }
    return ended;
  }

  #isFor({ all }: ReapOptions, life: bigint): boolean {
    return all === true || ((readLife(life).expiresAt - this.#now) | 0) <= 0;
  }

  [Symbol.dispose](): void {
    this.#balancer?.close();
    this.#reaper?.close();
    this.tables[Symbol.dispose]();
    for (const map of this.#live.values()) map.close();
  }

  #entries(family: FamilyName): [FlowValue, ConnectionValue][] {
    return [...this.map(this.maps[family].connections).entries()] as [FlowValue, ConnectionValue][];
  }

  #templates(family: FamilyName): [TemplateKeyValue, TemplateValue][] {
    return [...this.map(this.maps[family].templates).entries()] as [TemplateKeyValue, TemplateValue][];
  }

  #destinations(): DestinationPlan[] {
    return this.plan.services.flatMap(({ destinations }) => destinations);
  }

  #writeSettings(): void {
    const { reuseMode = 0, onRemoval = "drop", dropRate = 0, ...switches } = this.#settings;
    const { leaveQuiesced = false, sloppyTcp = false, refuseSourcePort20 = false } = switches;
    const {
      pingVip = true,
      pathMtuDiscovery = true,
      refusesByIcmp = false,
      answersPerSecond = 1000,
      renewalTicks = TICKS_PER_SECOND,
      rules,
    } = switches;
    this.map(this.maps.settings).update(0, {
      reuseMode,
      onRemoval: removalActions[onRemoval],
      ...{ removedDestinations: this.tables.removedCount, holdUntil: switches.holdUntil ?? 0 },
      leaveQuiesced: Number(leaveQuiesced),
      sloppyTcp: Number(sloppyTcp),
      refuseSourcePort20: Number(refuseSourcePort20),
      dropRate,
      refusesByIcmp: Number(refusesByIcmp),
      pingVip: Number(pingVip),
      scheduleIcmp: Number(switches.scheduleIcmp ?? false),
      natIcmpSend: Number(switches.natIcmpSend ?? false),
      ...{ pathMtuDiscovery: Number(pathMtuDiscovery), mssClamp: switches.mssClamp ?? 0 },
      answersPerSecond,
      ...localPortSettings(this.plan),
      localitySetTicks: 86_400 * TICKS_PER_SECOND,
      ticksPerSecond: TICKS_PER_SECOND,
      renewalTicks,
      now: this.#now,
      timeouts: this.#timeouts,
      transitions: transitionBytes(rules),
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
    const taken = new Map<string, string>();
    for (const client of this.plan.clients ?? []) {
      const slot = clientSlot(client);
      const place = `${familyOf(client)} ${slot}`;
      const other = taken.get(place);
      if (other !== undefined) throw new Error(`clients ${other} and ${client} share slot ${slot}: choose others`);
      taken.set(place, client);
      const hop = hopValue(clientHop(this.plan), this.#now);
      this.map(this.maps[familyOf(client)].clientHops).update(slot, { address: addressWords(client), hop });
    }
  }
}

const defaultTimeouts = (): number[] => defaultTimeoutsMs.map((ms) => (ms * TICKS_PER_SECOND) / 1000);
