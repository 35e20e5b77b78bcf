// Asks a scheduler directly, without packets: a program that hands it one question and ends with its answer, and the
// maps that the control plane would have written, on any host.

import {
  type BpfHost,
  type BpfMap,
  type BpfProgram,
  compile,
  global,
  type JsOf,
  type MapSpec,
  type ProgramSpec,
  verdict,
  xdp,
} from "@yardmaster/ebpf";
import {
  type BalancerMaps,
  type BalancerShape,
  balancerMaps,
  destinationFlags,
  featureNames,
  highestLevel,
  type ListedMember,
  NO_DESTINATION,
  type SchedulerName,
  schedulers,
  weightDivisor,
} from "../../src/index.ts";
import { scheduleFunction } from "../../src/schedule/choose.ts";
import { Question } from "../../src/schedule/scheduling.ts";

export type QuestionValue = JsOf<typeof Question>;
type ServiceValue = JsOf<BalancerMaps["Service"]>;

export interface AskerOptions {
  readonly scheduler: SchedulerName;
  /** Bits of its options. Default 0. */
  readonly options?: number;
  readonly activeCost?: 256 | 257;
  readonly maximumMembers?: number;
  /** Ticks after which lblcr's sets shrink. */
  readonly localitySetTicks?: number;
  /** mh: slots of its table. */
  readonly slots?: number;
  readonly features?: BalancerShape["features"];
  /** Addresses that can be remembered, and places in lblcr's sets. Default: as many as the schema says. */
  readonly maximumLocalities?: number;
  readonly maximumPlaces?: number;
  /** What is compiled in. Default: the scheduler alone. */
  readonly schedulers?: readonly SchedulerName[];
}

const SERVICE = 1;
const DESTINATIONS = 1024;

/** One service and its scheduler. */
export class Asker implements Disposable {
  readonly maps: BalancerMaps;
  readonly #host: BpfHost;
  readonly #options: AskerOptions;
  readonly #live = new Map<string, BpfMap>();
  readonly #program: BpfProgram;
  readonly #asked: Compiled["asked"];
  /** Where the record of the service stands. */
  #place = 0;
  #table: BpfMap | undefined;
  #members: readonly ListedMember[] = [];

  constructor(host: BpfHost, options: AskerOptions) {
    const { maps, spec, asked } = compiled(shapeOf(options));
    this.maps = maps;
    this.#asked = asked;
    this.#host = host;
    this.#options = options;
    const { services, serviceRecords, tables, destinations, loads, settings } = maps;
    const own = [services, serviceRecords, tables, destinations, loads, settings].map((map) => map.spec as MapSpec);
    const room = new Map([
      [maps.localities.spec.name, options.maximumLocalities],
      [maps.localityMembers.spec.name, options.maximumPlaces],
    ]);
    for (const map of new Set([...own, ...spec.maps])) {
      this.#live.set(map.name, host.createMap({ ...map, maxEntries: room.get(map.name) ?? map.maxEntries }));
    }
    this.#program = host.loadProgram(spec, this.#live);
    this.#write([], 0n);
    this.map(settings).update(0, { ...zeroed(settings), localitySetTicks: options.localitySetTicks ?? 1000 });
  }

  map<K, V>(definition: { readonly spec: MapSpec<K, V> }): BpfMap<K, V> {
    return this.#live.get(definition.spec.name) as unknown as BpfMap<K, V>;
  }

  /** Where the scheduler stands. */
  get position(): bigint {
    return this.#value().position;
  }

  set position(position: bigint) {
    this.map(this.maps.serviceRecords).update(this.#place, { ...this.#value(), position });
  }

  /** The service written whole, with these members. */
  start(members: readonly ListedMember[]): void {
    this.#write(members, schedulers[this.#options.scheduler].start?.(members) ?? 0n);
  }

  /** One change of the list, as the control plane does it. */
  change(after: readonly ListedMember[]): void {
    const { moved } = schedulers[this.#options.scheduler];
    const { position } = this;
    this.#write(after, moved === undefined ? position : moved(position, { before: this.#members, after }));
  }

  setLoad(
    destination: number,
    load: { readonly active: number; readonly inactive: number; readonly isOverloaded?: boolean },
  ): void {
    this.map(this.maps.loads).update(destination, {
      connections: (BigInt(load.active) << 32n) | BigInt(load.inactive),
      scheduled: 0n,
      overloaded: load.isOverloaded === true ? 1 : 0,
      templates: 0,
      clientsUntold: 0,
      pathMtu: 0,
      pathMtuAt: 0,
      handshakesBegun: 0,
      handshakesDone: 0,
      handshakesRefused: 0,
      synsRepeated: 0,
      reserved: new Uint8Array(12),
    });
  }

  /** The destination chosen for a new connection. */
  ask(question: Partial<Omit<QuestionValue, "locality">> & { readonly address?: number } = {}): number | undefined {
    const { address = 0, ...rest } = question;
    const locality = { address: [address, 0, 0, 0], service: SERVICE };
    const base = { clientFold: 0, clientPort: 0, destinationFold: address, now: 0 };
    this.map(this.#asked).update(0, { ...base, ...rest, locality });
    const answer = this.#program.run({ packet: new Uint8Array(64) }).verdict;
    return answer >>> 0 === NO_DESTINATION ? undefined : answer;
  }

  [Symbol.dispose](): void {
    this.#program.close();
    for (const map of [...this.#live.values(), this.#table]) map?.close();
  }

  #value(): ServiceValue {
    const value = this.map(this.maps.serviceRecords).lookup(this.#place);
    if (value === undefined) throw new Error("the service has been written");
    return value;
  }

  #write(members: readonly ListedMember[], position: bigint): void {
    const { scheduler, slots, options = 0 } = this.#options;
    const { table, code } = schedulers[scheduler];
    const content = table?.(members, slots);
    if (content !== undefined) this.#writeTable(content);
    const removed = this.#members.filter((one) => !members.some(({ destination }) => destination === one.destination));
    for (const { destination, weight } of removed) this.#writeDestination(destination, weight, true);
    for (const { destination, weight } of members) this.#writeDestination(destination, weight, false);
    const { services, serviceRecords } = this.maps;
    // Nothing runs meanwhile: two places are enough.
    const place = this.#place === 1 ? 2 : 1;
    this.map(serviceRecords).update(place, {
      ...zeroed(serviceRecords),
      position,
      scheduler: code,
      options,
      memberCount: members.length,
      listedCount: members.length,
      weightDivisor: weightDivisor(members),
      highestLevel: highestLevel(members),
      tableLength: content?.length ?? 0,
      members: members.map(({ destination, weight }) => ({ destination, weight })),
    });
    this.map(services).exchange(SERVICE, { record: place });
    this.#place = place;
    this.#members = members;
  }

  #writeTable(content: Uint32Array): void {
    const { spec } = this.maps.inner.slots;
    const table = this.#host.createMap({ ...spec, maxEntries: content.length });
    table.updateBatch([...content].map((destination, slot) => [slot, destination] as const));
    this.map(this.maps.tables).updateInner(SERVICE, table as unknown as BpfMap);
    this.#table?.close();
    this.#table = table as unknown as BpfMap;
  }

  #writeDestination(destination: number, weight: number, isRemoved: boolean): void {
    const { destinations } = this.maps;
    const flags = isRemoved ? destinationFlags.removed : 0;
    this.map(destinations).update(destination, { ...zeroed(destinations), weight, service: SERVICE, flags });
  }
}

/** A value of a map's type of which every byte is 0. */
function zeroed<V>({ spec }: { readonly spec: MapSpec<number, V> }): V {
  return spec.value.decode(new Uint8Array(spec.value.size));
}

interface Compiled {
  readonly maps: BalancerMaps;
  readonly spec: ProgramSpec;
  readonly asked: ReturnType<typeof global<typeof Question>>;
}
const known = new Map<string, Compiled>();

function shapeOf({ scheduler, schedulers: built, activeCost = 256, maximumMembers = 16, features }: AskerOptions) {
  return {
    families: ["ipv4"],
    schedulers: built ?? [scheduler],
    methods: ["dr"],
    encapsulations: [],
    macs: [],
    maximumConnections: 1,
    maximumServices: 2,
    maximumDestinations: DESTINATIONS,
    maximumMembers,
    activeCost,
    features: features ?? featureNames,
    clock: "manual",
  } satisfies BalancerShape;
}

function compiled(shape: BalancerShape): Compiled {
  const key = JSON.stringify(shape);
  const found = known.get(key);
  if (found !== undefined) return found;
  const maps = balancerMaps(shape);
  const asked = global("asked", Question);
  const schedule = scheduleFunction(maps, shape);
  const spec = compile(xdp("ask", () => verdict(schedule({ question: asked.value }))));
  const made = { maps, spec, asked };
  known.set(key, made);
  return made;
}
