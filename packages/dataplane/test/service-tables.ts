// What the control plane keeps in the maps of services and destinations, in the fewest lines: written from a plan,
// and changed as people change services: weights, thresholds, removal.

import type { BpfHost, BpfMap, MapSpec } from "@yardmaster/ebpf";
import { addressWords } from "@yardmaster/packet";
import {
  type BalancerMaps,
  destinationFlags,
  encapsulations,
  highestLevel,
  type ListedMember,
  LONGEST,
  methods,
  schedulers,
  serviceFlags,
  SPREAD_SHIFT,
  weightDivisor,
} from "../src/index.ts";
import { familyOf } from "./compiled.ts";
import {
  answersForOne,
  type BalancerPlan,
  type DestinationPlan,
  endpointsOf,
  localAddressesOf,
  lowerThresholdOf,
  overheadOf,
  type PersistencePlan,
  type ServicePlan,
  type Thresholds,
  TICKS_PER_SECOND,
  tunnelSources,
} from "./plan.ts";

export const PROTOCOLS = { tcp: 6, udp: 17 } as const;
type LiveMap = <K, V>(definition: { readonly spec: MapSpec<K, V> }) => BpfMap<K, V>;

/** Where a service's scheduler stands after a change: where it stood, or where the scheduler moves to. */
export type Position = "keep" | "moved";

/** A destination with its place among those of all services. */
interface Listed {
  readonly index: number;
  readonly service: number;
  readonly plan: DestinationPlan;
  weight: number;
  lastWeight: number;
  upperThreshold: number;
  lowerThreshold: number;
  isRemoved: boolean;
  isDown: boolean;
}

export class ServiceTables implements Disposable {
  readonly #host: BpfHost;
  readonly #maps: BalancerMaps;
  readonly #map: LiveMap;
  #plan: BalancerPlan;
  readonly #inner: BpfMap[] = [];
  #lastPlace = 0;
  /** By index: the value that the programs see now. */
  /** Places of the records of services. */
  readonly #services = new Map<number, number>();
  /** Places that nobody reads. */
  readonly #free: number[] = [];
  #destinations: readonly Listed[] = [];
  /** Of each service its destinations in list order, without those removed; and those. */
  #lists: { listed: readonly Listed[]; removed: readonly Listed[] }[] = [];

  constructor(host: BpfHost, maps: BalancerMaps, map: LiveMap, plan: BalancerPlan) {
    this.#host = host;
    this.#maps = maps;
    this.#map = map;
    this.#plan = plan;
  }

  /** Writes everything as a plan says; services become visible last. Nobody uses them meanwhile. */
  write(plan: BalancerPlan): void {
    this.#plan = plan;
    const { services } = plan;
    const all = services.flatMap(({ destinations }, service) => destinations.map((of) => ({ service, plan: of })));
    this.#destinations = all.map((of, index) => {
      const { weight = 1, upperThreshold = 0 } = of.plan;
      const lowerThreshold = lowerThresholdOf(of.plan);
      return {
        ...of,
        index,
        weight,
        lastWeight: weight,
        upperThreshold,
        lowerThreshold,
        isRemoved: false,
        isDown: false,
      };
    });
    this.#lists = services.map((_, service) => {
      return { listed: this.#destinations.filter((of) => of.service === service), removed: [] };
    });
    if (this.#maps.localAddresses.spec.maxEntries > 1) {
      localAddressesOf(plan).forEach((local, index) => {
        this.#map(this.#maps.localAddresses).update(index, { address: wordsOf(local) });
      });
    }
    for (const destination of this.#destinations) {
      this.#writeDestination(destination);
      this.#writeReplyRule(destination);
      this.#writeRealService(destination);
    }
    services.forEach((service, index) => {
      this.#writeService(index, "anew");
      for (const { address, port, protocol } of endpointsOf(service)) {
        const key = { address: addressWords(address), port, protocol: PROTOCOLS[protocol] };
        this.#map(this.#maps[familyOf(address)].serviceIndex).update(key, { service: index });
        this.#map(this.#maps[familyOf(address)].virtualAddresses).update(
          { prefixLength: key.address.length * 32, data: { address: key.address } },
          { services: 1 },
        );
      }
    });
  }

  /** Index of the service of each destination. */
  get serviceOf(): readonly number[] {
    return this.#destinations.map(({ service }) => service);
  }

  /** How many destinations are removed. */
  get removedCount(): number {
    return this.#destinations.filter(({ isRemoved }) => isRemoved).length;
  }

  /** Gives a service's destinations other weights, in the order of the plan. */
  setWeights(service: number, weights: readonly number[], position: Position): void {
    const before = this.#members(service);
    this.#destinations
      .filter((of) => of.service === service)
      .forEach((destination, at) => {
        destination.weight = weights[at] ?? 0;
        if (destination.weight > 0) destination.lastWeight = destination.weight;
        this.#writeDestination(destination);
      });
    this.#writeService(service, before, position);
  }

  /** Changes thresholds. */
  setThresholds(index: number, thresholds: Thresholds): void {
    const destination = this.#destinations[index];
    if (destination === undefined) throw new Error(`there is no destination ${index}`);
    destination.upperThreshold = thresholds.upperThreshold ?? 0;
    destination.lowerThreshold = lowerThresholdOf(thresholds);
    this.#writeDestination(destination);
  }

  /** What checks have found. */
  setDown(index: number, state: "down" | "up"): void {
    const destination = this.#destinations[index];
    if (destination === undefined) throw new Error(`there is no destination ${index}`);
    destination.isDown = state === "down";
    this.#writeDestination(destination);
  }

  /** Takes a destination out of its service's list, or puts it back, to the front as ipvsadm does. */
  setRemoved(index: number, state: "removed" | "listed"): void {
    const destination = this.#destinations[index];
    if (destination === undefined || destination.isRemoved === (state === "removed")) return;
    const before = this.#members(destination.service);
    const lists = this.#lists[destination.service] ?? { listed: [], removed: [] };
    destination.isRemoved = state === "removed";
    const others = (list: readonly Listed[]) => list.filter((of) => of !== destination);
    lists.listed = destination.isRemoved ? others(lists.listed) : [destination, ...lists.listed];
    lists.removed = destination.isRemoved ? [...lists.removed, destination] : others(lists.removed);
    this.#writeDestination(destination);
    this.#writeService(destination.service, before);
  }

  /** Where the scheduler of a service stands. */
  position(service: number): bigint {
    return this.#map(this.#maps.serviceRecords).lookup(this.#services.get(service) ?? 0)?.position ?? 0n;
  }

  [Symbol.dispose](): void {
    for (const map of this.#inner) map.close();
  }

  #members(service: number): readonly ListedMember[] {
    return (this.#lists[service]?.listed ?? []).map(({ index, weight, lastWeight, plan }) => {
      const addressFold = addressWords(plan.address).reduce((sum, word) => (sum ^ word) >>> 0, 0);
      const port = plan.port ?? this.#plan.services[service]?.port ?? 0;
      return { destination: index, weight, lastWeight, addressFold, port };
    });
  }

  #writeDestination({ index, service, plan, isRemoved, isDown, ...listed }: Listed): void {
    const { weight, upperThreshold, lowerThreshold } = listed;
    const of = this.#plan.services[service] as ServicePlan;
    const hasRule = answersForOne(this.#plan, of, plan);
    this.#map(this.#maps.destinations).update(index, {
      address: wordsOf(plan.address),
      port: plan.port ?? of.port,
      method: methods[plan.method ?? "nat"].code,
      flags:
        (hasRule ? destinationFlags.hasReplyRule : 0) |
        (isRemoved ? destinationFlags.removed : 0) |
        (isDown ? destinationFlags.down : 0) |
        (familyOf(plan.address) === "ipv6" ? destinationFlags.isIpv6 : 0) |
        (plan.tunnel?.hasChecksum === true ? destinationFlags.tunnelChecksum : 0) |
        tellingFlags(plan),
      service,
      weight,
      upperThreshold,
      lowerThreshold,
      ...tunnelRecord(plan),
      localPool: poolOf(this.#plan, plan),
    });
  }

  #writeReplyRule({ service, plan }: Listed): void {
    const of = this.#plan.services[service] as ServicePlan;
    if (!answersForOne(this.#plan, of, plan)) return;
    const { address, port, protocol = "tcp" } = of;
    const key = { address: addressWords(plan.address), port: plan.port ?? port, protocol: PROTOCOLS[protocol] };
    const value = { address: addressWords(address), port, reserved: 0 };
    this.#map(this.#maps[familyOf(address)].replyRules).update(key, value);
  }

  /** Of the destinations that answer from the same place any one will do. */
  #writeRealService({ index, service, plan }: Listed): void {
    if ((plan.method ?? "nat") !== "nat") return;
    const { port, protocol = "tcp" } = this.#plan.services[service] as ServicePlan;
    const key = { address: addressWords(plan.address), port: plan.port ?? port, protocol: PROTOCOLS[protocol] };
    this.#map(this.#maps[familyOf(plan.address)].realServices).update(key, { destination: index });
  }

  /**
   * Writes a service anew; or, given its members before, exchanges it for one with those of now. An exchange waits
   * until the kernel is sure that nobody reads the old one.
   */
  #writeService(index: number, before: readonly ListedMember[] | "anew", position: Position = "moved"): void {
    const service = this.#plan.services[index] as ServicePlan;
    const scheduler = schedulers[service.scheduler ?? "rr"];
    const listed = this.#members(index);
    const removed = (this.#lists[index]?.removed ?? []).map((of) => ({ destination: of.index, weight: of.weight }));
    const members = listed.map(({ destination, weight }) => ({ destination, weight }));
    const table = scheduler.table?.(listed);
    const isAnew = before === "anew";
    const stood = isAnew ? 0n : this.position(index);
    const change = { before: isAnew ? [] : before, after: listed };
    const moved = () => scheduler.moved?.(stood, change) ?? scheduler.start?.(listed) ?? stood;
    const known = this.#services.get(index);
    const place = (isAnew ? known : this.#free.pop()) ?? (this.#lastPlace += 1);
    this.#map(this.#maps.serviceRecords).update(place, {
      position: position === "keep" ? stood : moved(),
      positionReserved: new Uint8Array(56),
      scheduler: scheduler.code,
      options: 0,
      memberCount: members.length,
      listedCount: members.length + removed.length,
      weightDivisor: weightDivisor(members),
      highestLevel: highestLevel(members),
      ...featuresOf(service),
      tableLength: table?.length ?? 0,
      reserved: new Uint8Array(16),
      members: [...members, ...removed],
    });
    this.#services.set(index, place);
    if (table !== undefined) {
      const slots = this.#createInner({ ...this.#maps.inner.slots.spec, maxEntries: table.length });
      table.forEach((destination, slot) => slots.update(slot, destination));
      this.#map(this.#maps.tables).updateInner(index, slots as BpfMap);
    }
    this.#map(this.#maps.services).exchange(index, { record: place });
    if (known === undefined || known === place) return;
    this.#host.waitForRuns();
    this.#free.push(known);
  }

  #createInner<K, V>(spec: MapSpec<K, V>): BpfMap<K, V> {
    const map = this.#host.createMap(spec);
    this.#inner.push(map as BpfMap);
    return map;
  }
}

function tellingFlags({ tellsClient }: DestinationPlan): number {
  return tellsClient === true ? destinationFlags.tellsClient : 0;
}

/** What a destination's record says of its tunnel. */
function tunnelRecord(plan: DestinationPlan) {
  const { encapsulation = "ipip", port = 6080, spreadBits = 0, source } = plan.tunnel ?? {};
  const isTunnel = plan.method === "tun";
  const hasSource = isTunnel || (plan.method ?? "nat") === "nat";
  return {
    encapsulation: isTunnel ? encapsulations[encapsulation].code | (spreadBits << SPREAD_SHIFT) : 0,
    overhead: overheadOf(plan),
    tunnelPort: isTunnel ? port : 0,
    tunnelSource: hasSource && source !== "none" ? wordsOf(tunnelSources[familyOf(plan.address)]) : [0, 0, 0, 0],
  };
}

/** The words of an address in room for any. */
function wordsOf(address: string): number[] {
  const words = addressWords(address);
  return Array.from({ length: LONGEST }, (_, word) => words[word] ?? 0);
}

/** The pool of a destination in the map of local addresses: those of its family, which stand together. */
function poolOf(plan: BalancerPlan, { address, method }: DestinationPlan): bigint {
  if (method !== "fullnat") return 0n;
  const addresses = localAddressesOf(plan);
  const family = familyOf(address);
  const first = addresses.findIndex((local) => familyOf(local) === family);
  const count = addresses.filter((local) => familyOf(local) === family).length;
  return BigInt(Math.max(first, 0)) | (BigInt(count) << 32n);
}

/** What a service asks for besides its list. */
function featuresOf({ address, persistence, onePacket, newPerSecond = 0, halfOpenMaximum = 0 }: ServicePlan) {
  const covers: Readonly<Record<NonNullable<PersistencePlan["covers"]>, number>> = {
    port: 0,
    allPorts: serviceFlags.allPorts,
    mark: serviceFlags.byMark,
  };
  const persistent = persistence === undefined ? 0 : serviceFlags.persistent | covers[persistence.covers ?? "port"];
  return {
    flags: persistent | (onePacket === true ? serviceFlags.onePacket : 0),
    persistenceTicks: (persistence?.seconds ?? 0) * TICKS_PER_SECOND,
    maskBits: persistence?.maskBits ?? addressWords(address).length * 32,
    newPerSecond,
    halfOpenMaximum,
  };
}
