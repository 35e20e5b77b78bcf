// The director of a simulation: the daemon's own plan, maps and programs in the interpreter. The one file that knows
// of them; the rest of the package sees frames go in, the server they go to, and counts.
import { type Scheduler, type SchedulerName, type SchedulerOption, schedulers } from "@yardmaster/dataplane";
import {
  createDataplane,
  createMemoryHost,
  type Dataplane,
  JIFFIES_PER_SECOND,
  type MemoryProgram,
  parseConfiguration,
  plan,
  readConnections,
  readServices,
  readVerdicts,
  reap,
} from "@yardmaster/director/simulation";
import { FIB_LOOKUP_HELPER, fibLookup } from "@yardmaster/lab/simulated";
import { formatAddress, ipv4FromNumber, ipv4ToNumber, seededRandom } from "@yardmaster/packet";
import type { ServerSpec } from "../settings/servers.ts";
import { SimulationError } from "../simulation-error.ts";
import type { Protocol, Target } from "../workload/flow.ts";
import { addressee, macs, serverAddress, serverAt, serverMac } from "./frames.ts";

/** Forwarding methods that a simulation can play. */
export const forwardings = ["dr", "nat"] as const;
export type Forwarding = (typeof forwardings)[number];

/** Whose behaviour the director keeps to. */
export const compatibilities = ["none", "ipvs"] as const;
export type Compatibility = (typeof compatibilities)[number];

/** What to direct. */
export interface DirectorSetup {
  readonly scheduler: SchedulerName;
  /** Those that the scheduler does not know are left out. */
  readonly schedulerOptions: readonly SchedulerOption[];
  readonly compatibility: Compatibility;
  readonly forwarding: Forwarding;
  readonly protocol: Protocol;
  readonly target: Target;
  readonly servers: readonly ServerSpec[];
  /** Entries of the connection table. */
  readonly maximumConnections: number;
  /** For schedulers that draw lots. */
  readonly seed: number;
  readonly nowMs: () => number;
}

/** What the director counts for one server. */
export interface ServerCounts {
  readonly active: number;
  readonly inactive: number;
}

/** Packets that were not forwarded, by the data plane's name of the reason. */
export interface Unforwarded {
  readonly reason: string;
  readonly packets: number;
}

/** The helper's number (enum bpf_func_id, include/uapi/linux/bpf.h). */
const RANDOM_HELPER = 7;
/** What an XDP program returns (enum xdp_action, include/uapi/linux/bpf.h). */
const XDP_TX = 3;
const XDP_REDIRECT = 4;
const MS_PER_TICK = 1_000 / JIFFIES_PER_SECOND;
const INTERFACE = { index: 2, mtu: 1500, mac: macs.director };
/** LVS's active states (shared behaviour reference §4). */
const ACTIVE_STATES = new Set(["ESTABLISHED", "SYN_SENT", "SYN_RECV", "SYNACK"]);

/** A director before one service. */
export class InterpretedDirector implements Disposable {
  /** Packets that the program has run for, and instructions that it executed. */
  packets = 0;
  instructions = 0;
  readonly #setup: DirectorSetup;
  readonly #dataplane: Dataplane<MemoryProgram>;

  /** Throws SimulationError YM_SIMULATE_REFUSED where the director's configuration does not allow such a service. */
  constructor(setup: DirectorSetup) {
    this.#setup = setup;
    const random = seededRandom(setup.seed);
    const host = createMemoryHost({
      now: () => BigInt(this.#tick()),
      cpus: 1,
      helpers: { [FIB_LOOKUP_HELPER]: fibLookup(routes(setup)), [RANDOM_HELPER]: () => random.u32() },
    });
    const planned = plan(configurationOf(setup), [macs.director]);
    this.#dataplane = createDataplane(host, planned, { ticksPerSecond: JIFFIES_PER_SECOND });
  }

  /** Gives it a client's frame. Returns the index of the server it goes on to, undefined where it goes to none. */
  request(frame: Uint8Array): number | undefined {
    const { verdict, packet } = this.#run(frame);
    return verdict === XDP_TX || verdict === XDP_REDIRECT ? addressee(packet) : undefined;
  }

  /** Gives it a server's frame. */
  reply(frame: Uint8Array): void {
    this.#run(frame);
  }

  /** Walks the connection table once and ends what has expired. */
  reap(): void {
    const walk = reap(this.#dataplane, () => this.#tick());
    while (walk.next().done !== true);
  }

  /** What it counts for each server, in the order of the setup. (As IPVS's, its own list may have the newest first.) */
  counts(): readonly ServerCounts[] {
    const listed = readServices(this.#dataplane).flatMap(({ servers }) => servers);
    const byAddress = new Map(listed.map((server) => [server.address, server]));
    return this.#setup.servers.map((_, index) => {
      const server = byAddress.get(addressText(index));
      if (server === undefined) throw new Error(`the director does not list server ${index}`);
      return { active: server.activeConnections, inactive: server.inactiveConnections };
    });
  }

  /** The same, counted anew from the connection table, entries whose time is up but that are still there included. */
  recount(): readonly ServerCounts[] {
    const counts = this.#setup.servers.map(() => ({ active: 0, inactive: 0 }));
    const byAddress = new Map(counts.map((count, index) => [addressText(index), count]));
    // Seen from far enough in the past no entry's time is up.
    const longAgo = (this.#tick() - 2 ** 30) >>> 0;
    for (const { destination, state } of readConnections(this.#dataplane, longAgo, Number.POSITIVE_INFINITY)) {
      const count = byAddress.get(destination.slice(0, destination.lastIndexOf(":")));
      if (count !== undefined) count[ACTIVE_STATES.has(state) ? "active" : "inactive"] += 1;
    }
    return counts;
  }

  /** What became of packets that were not forwarded. */
  unforwarded(): readonly Unforwarded[] {
    return readVerdicts(this.#dataplane).map(({ reason, packets }) => ({ reason, packets }));
  }

  [Symbol.dispose](): void {
    this.#dataplane[Symbol.dispose]();
  }

  #tick(): number {
    return Math.floor(this.#setup.nowMs() / MS_PER_TICK);
  }

  #run(frame: Uint8Array): { readonly verdict: number; readonly packet: Uint8Array } {
    const output = this.#dataplane.program.run({ packet: frame, ingressIfindex: INTERFACE.index });
    this.packets += 1;
    this.instructions += output.instructions;
    return output;
  }
}

function addressText(index: number): string {
  return formatAddress(ipv4FromNumber(serverAddress(index)));
}

/** Servers are neighbours, everybody else is behind the gateway; all by one interface. */
function routes({ servers }: DirectorSetup): Parameters<typeof fibLookup>[0] {
  const serverMacs = servers.map((_, index) => serverMac(index));
  return {
    forwards: true,
    nextStep: (address) => {
      const index = serverAt(ipv4ToNumber(address), servers.length);
      const mac = (index === undefined ? undefined : serverMacs[index]) ?? macs.gateway;
      return { kind: "link", out: INTERFACE, mac };
    },
  };
}

/** Options that a scheduler knows. */
export function optionsOf(scheduler: SchedulerName): readonly SchedulerOption[] {
  const definition: Scheduler = schedulers[scheduler];
  return definition.options ?? [];
}

/** The configuration that a person would write; JSON is YAML too. */
function configurationOf(setup: DirectorSetup): ReturnType<typeof parseConfiguration>["configuration"] {
  const { scheduler, schedulerOptions, compatibility, forwarding, protocol, target, servers } = setup;
  const service = {
    ...target,
    protocol,
    scheduler,
    schedulerOptions: schedulerOptions.filter((option) => optionsOf(scheduler).includes(option)),
    forwarding,
    servers: servers.map(({ weight, upper, lower }, index) => ({
      address: addressText(index),
      weight,
      ...(upper > 0 && { upperThreshold: upper }),
      ...(lower > 0 && { lowerThreshold: lower }),
    })),
  };
  const director = { compatibility, connections: { maximum: setup.maximumConnections } };
  const file = { director, services: { simulated: service } };
  try {
    return parseConfiguration(JSON.stringify(file), "the simulation").configuration;
  } catch (cause) {
    if (!(cause instanceof Error && "faults" in cause)) throw cause;
    const [fault] = cause.faults as readonly { readonly message: string }[];
    const message = `simulating ${scheduler}: the director refuses such a service: ${fault?.message}`;
    throw new SimulationError("YM_SIMULATE_REFUSED", message, { cause });
  }
}
