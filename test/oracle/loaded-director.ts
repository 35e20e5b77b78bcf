// Yardmaster's programs with everything that there is compiled in, loaded once: each recording gets the same ones, on
// maps in which there is nothing.
import { balancer, type BalancerShape, featureNames, reaper, schedulerNames } from "@yardmaster/dataplane";
import { type Dataplane, LiveServices, type LiveSettings, makeMaps } from "@yardmaster/director/simulation";
import { type BpfMap, compile } from "@yardmaster/ebpf";
import { createKernelHost, type KernelProgram } from "@yardmaster/ebpf/kernel";
import { macBytes } from "@yardmaster/packet";
import { familyOf, links, sides } from "./topology.ts";

/** A tick is a millisecond, as in recordings. */
export const TICKS_PER_SECOND = 1000;

const shape: BalancerShape = {
  families: ["ipv4", "ipv6"],
  schedulers: schedulerNames,
  methods: ["nat", "dr", "tun"],
  encapsulations: ["ipip", "gue", "gre"],
  macs: sides.map((side) => macBytes(links[side].mac)),
  maximumConnections: 16_384,
  maximumServices: 64,
  maximumDestinations: 1024,
  maximumMembers: 128,
  // As the recorded kernel counts.
  activeCost: 257,
  features: featureNames,
  clock: "manual",
};

/** Entries read with one call to the kernel. */
const READ_BATCH = 4096;

/** A data plane in the kernel, made anew for each recording out of the same programs. */
export class LoadedDirector implements Disposable {
  readonly #owned = new DisposableStack();
  readonly #host = createKernelHost();
  readonly #made = makeMaps(this.#host, shape, this.#owned);
  readonly #program: KernelProgram;
  readonly #reaper: KernelProgram;
  #isLent = false;

  constructor() {
    const { definitions, byName } = this.#made;
    try {
      const load = (program: typeof balancer) =>
        this.#owned.use(this.#host.loadProgram(compile(program(definitions, shape)), byName));
      this.#program = load(balancer);
      this.#reaper = load(reaper);
    } catch (error) {
      this.#owned.dispose();
      throw error;
    }
  }

  /** The data plane with no services, at these settings, to one user at a time. */
  lend(settings: LiveSettings): Dataplane<KernelProgram> {
    if (this.#isLent) throw new Error("the director is in use");
    for (const map of this.#made.byName.values()) empty(map);
    const ground = {
      host: this.#host,
      made: this.#made,
      shape,
      ticksPerSecond: TICKS_PER_SECOND,
      reaper: this.#reaper,
      sourceTowards: (address: string) => links.s.addresses.find((own) => familyOf(own) === familyOf(address)),
    };
    const live = new LiveServices(ground, settings);
    this.#isLent = true;
    return {
      plan: { shape, services: [], arrival: "oneByOne", settings },
      maps: this.#made.live,
      program: this.#program,
      programFor: () => this.#program,
      prober: undefined,
      reaper: this.#reaper,
      live,
      ticksPerSecond: TICKS_PER_SECOND,
      made: this.#made,
      completeSuccession: () => undefined,
      [Symbol.dispose]: () => {
        live[Symbol.dispose]();
        this.#isLent = false;
      },
    };
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}

/** Takes everything out of a map; of an array, whose entries always exist, zeroes them. */
function empty(map: BpfMap): void {
  const { type, maxEntries, value } = map.spec;
  if (type === "array" || type === "percpu_array") {
    if (isZero(map)) return;
    const nothing = value.decode(new Uint8Array(value.size));
    map.updateBatch(Array.from({ length: maxEntries }, (_, index) => [index, nothing] as const));
  } else if (type === "array_of_maps") {
    for (let index = 0; index < maxEntries; index++) map.delete(index);
  } else {
    for (const [key] of [...map.entries()]) map.delete(key);
  }
}

function isZero(map: BpfMap): boolean {
  for (const { values } of map.batches(READ_BATCH)) if (values.some((byte) => byte !== 0)) return false;
  return true;
}
