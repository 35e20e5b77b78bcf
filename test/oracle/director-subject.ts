// Yardmaster on trial: its own control plane and programs, run by the kernel on frames that are on no wire, under a
// clock that the recording moves. Here its words are exchanged for IPVS's.
import { type SchedulerName, schedulerNames, type SchedulerOption } from "@yardmaster/dataplane";
import {
  type Dataplane,
  type Destination as DestinationDefinition,
  DirectorError,
  identityOf,
  reap,
  readConnections,
  type ServiceDefinition,
} from "@yardmaster/director/simulation";
import type { KernelProgram } from "@yardmaster/ebpf/kernel";
import { layerOf, parseFrame } from "@yardmaster/packet";
import { keyText } from "./director.ts";
import { entryOf } from "./director-entries.ts";
import { ticksUntilExpiry } from "./expiries.ts";
import { LoadedDirector, TICKS_PER_SECOND } from "./loaded-director.ts";
import { matchOf } from "./service-match.ts";
import {
  type Destination,
  type Entry,
  type Packet,
  Refused,
  type Sent,
  type Server,
  type Service,
  type ServiceKey,
  type Situation,
  type Subject,
  type SubjectFactory,
} from "./subject.ts";
import { Sysctls } from "./sysctls.ts";
import { endpointText, links, type Side, sides } from "./topology.ts";

/** What an XDP program returns (enum xdp_action, include/uapi/linux/bpf.h). */
const verdicts = { drop: 1, pass: 2, tx: 3, redirect: 4 } as const;
/** Far enough from 0 that "never" is long ago. */
const START_TICK = 1_000_000;
/** Errors by which the control plane refuses what IPVS refuses. */
const REFUSALS: ReadonlySet<string> = new Set(
  ["SERVICE_EXISTS", "NO_SERVICE", "DESTINATION_EXISTS", "NO_DESTINATION", "THRESHOLDS"].map(
    (name) => `YM_LIVE_${name}`,
  ),
);

/** Makes subjects out of one loaded director, one at a time; dispose of it after the last. */
export class DirectorSubjects implements Disposable {
  readonly #director = new LoadedDirector();

  readonly create: SubjectFactory = (situation) => new DirectorSubject(this.#director, situation);

  [Symbol.dispose](): void {
    this.#director[Symbol.dispose]();
  }
}

class DirectorSubject implements Subject {
  readonly #situation: Situation;
  readonly #sysctls = new Sysctls();
  readonly #dataplane: Dataplane<KernelProgram>;
  /** Keys of all services there ever were, by their names. */
  readonly #keys = new Map<string, ServiceKey>();
  #now = START_TICK;

  constructor(director: LoadedDirector, situation: Situation) {
    this.#situation = situation;
    this.#dataplane = director.lend(this.#sysctls.settings());
    this.#setTime(this.#now);
  }

  addService(service: Service): void {
    const definition = this.#definitionOf(service);
    this.#keys.set(definition.name, service.key);
    asIpvs(() => this.#live.addService(definition));
  }

  editService(service: Service): void {
    asIpvs(() => this.#live.editService(this.#definitionOf(service)));
  }

  removeService(key: ServiceKey): void {
    asIpvs(() => this.#live.removeService(this.#identityOf(key)));
  }

  addServer(key: ServiceKey, server: Server): void {
    asIpvs(() => this.#live.addDestination(this.#identityOf(key), destinationOf(server), { place: "first" }));
  }

  editServer(key: ServiceKey, server: Server): void {
    asIpvs(() => this.#live.editDestination(this.#identityOf(key), destinationOf(server)));
  }

  removeServer(key: ServiceKey, name: string): void {
    asIpvs(() => this.#live.removeDestination(this.#identityOf(key), name));
  }

  setSysctl(name: string, value: number | string): void {
    this.#sysctls.set(name, value);
    this.#live.setSettings(this.#sysctls.settings());
  }

  setTimeouts(tcpS: number, tcpFinS: number, udpS: number): void {
    this.#sysctls.setTimeouts(tcpS, tcpFinS, udpS);
    this.#live.setSettings(this.#sysctls.settings());
  }

  startSyncDaemon(): void {
    throw new Error("synchronisation is not built yet");
  }

  advance(elapsedMs: number): void {
    const end = this.#now + (elapsedMs * TICKS_PER_SECOND) / 1000;
    for (;;) {
      const due = this.#nextDue();
      if (due === undefined || due > end) break;
      this.#setTime(Math.max(due, this.#now));
      this.#tend();
    }
    this.#setTime(end);
  }

  send({ side, frame }: Packet): Sent {
    const { network } = this.#situation;
    const input = { packet: frame, ingressIfindex: network.indexOf(side) };
    const { verdict, packet } = network.enter(() => this.#dataplane.program.run(input));
    switch (verdict) {
      case verdicts.drop:
        return { leaving: [], toStack: [] };
      case verdicts.pass:
        return { leaving: [], toStack: [packet] };
      case verdicts.tx:
        return { leaving: [{ side, frame: packet }], toStack: [] };
      case verdicts.redirect:
        return { leaving: [{ side: sideOf(packet), frame: packet }], toStack: [] };
      default:
        throw new Error(`the program returned ${verdict}`);
    }
  }

  takeUnasked(): readonly Packet[] {
    return [];
  }

  destinations(key: ServiceKey): readonly Destination[] {
    const { maps } = this.#dataplane;
    const members = this.#live.find(this.#identityOf(key))?.members ?? [];
    return members.map(({ index, definition: { address, port } }) => {
      const connections = maps.loads.lookup(index)?.connections ?? 0n;
      const [active, inactive] = [Number(connections >> 32n), Number(connections & 0xffff_ffffn)];
      return { name: endpointText(address, port), active, inactive };
    });
  }

  entries(): readonly Entry[] {
    const rows = readConnections(this.#dataplane, this.#now, Number.POSITIVE_INFINITY);
    return rows.map((row) => entryOf(row, this.#keys.get(row.service)));
  }

  [Symbol.dispose](): void {
    this.#dataplane[Symbol.dispose]();
  }

  get #live() {
    return this.#dataplane.live;
  }

  /** Does what is due at this moment. */
  #tend(): void {
    const walk = reap(this.#dataplane, () => this.#now);
    while (walk.next().done !== true);
  }

  /** The tick of the next thing to happen by itself; undefined: nothing will. */
  #nextDue(): number | undefined {
    const times = [ticksUntilExpiry(this.#dataplane, this.#now), this.#live.ticksUntilDue(this.#now)];
    const known = times.filter((ticks) => ticks !== undefined);
    return known.length === 0 ? undefined : this.#now + Math.min(...known);
  }

  #setTime(tick: number): void {
    this.#now = tick;
    const { settings } = this.#dataplane.maps;
    const known = settings.lookup(0);
    if (known === undefined) throw new Error("the director has no settings");
    if (known.now !== tick) settings.update(0, { ...known, now: tick });
  }

  #definitionOf({ key, scheduler, flags, persistenceS, netmaskLength, onePacket }: Service): ServiceDefinition {
    if (!(schedulerNames as readonly string[]).includes(scheduler)) throw new Refused(`no scheduler ${scheduler}`);
    if ("port" in key && key.port === 0 && persistenceS === 0) throw new Refused("port 0 wants persistence");
    return {
      name: keyText(key),
      match: matchOf(key, this.#situation.markRules),
      scheduler: scheduler as SchedulerName,
      schedulerOptions: flags as readonly SchedulerOption[],
      tableSize: undefined,
      forwarding: "dr",
      persistence: persistenceS === 0 ? undefined : { timeoutMs: persistenceS * 1000, maskBits: netmaskLength },
      onePacket,
      caps: { newPerSecond: 0, halfOpen: 0 },
    };
  }

  #identityOf(key: ServiceKey): string {
    return identityOf({ name: keyText(key), match: matchOf(key, this.#situation.markRules) });
  }
}

/** Has the control plane refuse in IPVS's way. */
function asIpvs(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (error instanceof DirectorError && REFUSALS.has(error.code)) throw new Refused(error.message, { cause: error });
    throw error;
  }
}

function destinationOf({ address, port, mode, tunnel, weight, upper, lower }: Server): DestinationDefinition {
  const definition = { address, port, forwarding: mode, weight, upperThreshold: upper, lowerThreshold: lower };
  return tunnel === undefined ? definition : { ...definition, encapsulation: tunnel };
}

/** The link that a frame leaves by: it carries that link's address. */
function sideOf(frame: Uint8Array): Side {
  const source = layerOf(parseFrame(frame), "ethernet")?.source;
  const side = sides.find((each) => links[each].mac === source);
  if (side === undefined) throw new Error(`a frame left from ${source}, which is no link of the director`);
  return side;
}
