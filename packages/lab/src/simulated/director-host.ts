// The director of the simulated network: the daemon's own plan, maps and programs in the interpreter, in front of a
// simulated host's stack as XDP is in front of the kernel's.
import type { DirectorStatus } from "@yardmaster/director";
import type { Dataplane, MemoryProgram } from "@yardmaster/director/simulation";
import {
  createDataplane,
  createMemoryHost,
  JIFFIES_PER_SECOND,
  parseConfiguration,
  plan,
  readServices,
  readVerdicts,
  reap,
} from "@yardmaster/director/simulation";

import type { EventQueue } from "./event-queue.ts";
import { FIB_LOOKUP_HELPER, fibLookup } from "./fib-lookup.ts";
import type { Host, Verdict } from "./host.ts";

/** What an XDP program returns (enum xdp_action, include/uapi/linux/bpf.h). */
const XDP_PASS = 2;
const XDP_TX = 3;
const XDP_REDIRECT = 4;
const FILE_NAME = "lab.yaml (in memory)";
/** How often the daemon walks its connection table. */
const REAP_EVERY_MS = 1_000;
const MS_PER_JIFFY = 1_000 / JIFFIES_PER_SECOND;

/** A director at work on a simulated host. */
export class SimulatedDirector implements Disposable {
  readonly dataplane: Dataplane<MemoryProgram>;
  /** How often the program ran, and how many instructions it executed in all. */
  runs = 0;
  instructions = 0;
  readonly #host: Host;
  readonly #now: () => number;
  readonly #startedAtMs = Date.now();
  #entries = 0;

  /** Starts the director of this configuration text on all interfaces of the host. */
  constructor(host: Host, queue: EventQueue, configurationText: string) {
    const { configuration } = parseConfiguration(configurationText, FILE_NAME);
    this.#now = () => Math.floor(queue.nowMs / MS_PER_JIFFY);
    const planned = plan(
      configuration,
      host.interfaces.map(({ mac }) => mac),
    );
    const helpers = { [FIB_LOOKUP_HELPER]: fibLookup(host) };
    const memory = createMemoryHost({ now: () => BigInt(this.#now()), helpers });
    this.dataplane = createDataplane(memory, planned, {
      ticksPerSecond: JIFFIES_PER_SECOND,
      sourceTowards: (address) => host.sourceTowards(address),
    });
    this.#host = host;
    host.program = (frame, { index }) => this.#decide(frame, index);
    const reapAgain = (): void => {
      this.reap();
      queue.after(REAP_EVERY_MS, reapAgain);
    };
    queue.after(REAP_EVERY_MS, reapAgain);
  }

  /** Walks the connection table once and ends what has expired. */
  reap(): void {
    const walk = reap(this.dataplane, this.#now);
    let step = walk.next();
    while (step.done !== true) step = walk.next();
    this.#entries = step.value.entries;
  }

  /** The director's snapshot, as its API would give it. There is no kernel, so programs have no ids: 0. */
  status(): DirectorStatus {
    const { plan: planned } = this.dataplane;
    return {
      version: "simulated",
      pid: process.pid,
      startedAtMs: this.#startedAtMs,
      configurationFile: FILE_NAME,
      // Where the interpreter stands is where native XDP is: before everything else that the host does with a frame.
      hooks: this.#host.interfaces.map(({ name }) => ({ interfaceName: name, mode: "native", programId: 0 })),
      services: readServices(this.dataplane),
      verdicts: readVerdicts(this.dataplane),
      hints: [],
      connectionTable: { entries: this.#entries, maximum: planned.shape.maximumConnections },
    };
  }

  [Symbol.dispose](): void {
    this.#host.program = undefined;
    this.dataplane[Symbol.dispose]();
  }

  #decide(frame: Uint8Array, ingressIfindex: number): Verdict {
    const { verdict, packet, redirectIfindex, instructions } = this.dataplane.program.run({
      packet: frame,
      ingressIfindex,
    });
    this.runs += 1;
    this.instructions += instructions;
    if (verdict === XDP_PASS) return { kind: "pass", frame: packet };
    if (verdict === XDP_TX) return { kind: "send", frame: packet, interfaceIndex: ingressIfindex };
    if (verdict === XDP_REDIRECT && redirectIfindex !== undefined) {
      return { kind: "send", frame: packet, interfaceIndex: redirectIfindex };
    }
    return { kind: "drop" };
  }
}
