// The director at work on this machine: everything that is open while it runs, brought up whole or not
// at all, and taken down in the opposite order.

import { createKernelHost, features, type KernelProgram } from "@yardmaster/ebpf/kernel";
import type { ConnectionRow, DirectorStatus } from "./api/types.ts";
import { type Attachment, hookOf } from "./kernel/attach.ts";
import { Attachments } from "./kernel/attachments.ts";
import { TickClock } from "./kernel/clock.ts";
import type { Dataplane } from "./kernel/dataplane.ts";
import type { Configuration } from "./model/configuration.ts";
import { keepReaping } from "./reconcile/keep-reaping.ts";
import { keepResolved } from "./reconcile/neighbours.ts";
import type { ReaperRound } from "./reconcile/reaper.ts";
import { keepTunnelSources } from "./reconcile/tunnel-sources.ts";
import { bringUp, change, lackFor, type Standing } from "./standing.ts";
import { readConnections } from "./status/connections.ts";
import { sampleSize } from "./status/hints.ts";
import { readServices, readVerdicts } from "./status/snapshot.ts";
import { type Former, formerOf } from "./succession/former-maps.ts";
import type { Instance } from "./succession/instance.ts";
import { openPinned } from "./succession/pins.ts";

/** What a director is started with. */
export interface DirectorOptions {
  readonly configuration: Configuration;
  readonly fileName: string;
  readonly version: string;
  readonly report: (line: string) => void;
  /** Keeps what is at work beyond this process; the director does not let go of it. Undefined: all ends with it. */
  readonly instance?: Instance | undefined;
}

/** What a change did to the program. */
export type Applied =
  | { readonly program: "kept" }
  /** `because`: what the one before lacked. */
  | { readonly program: "exchanged"; readonly because: string };

/** A running director. */
export class Director implements Disposable {
  readonly #options: DirectorOptions;
  readonly #attachments: Attachments;
  readonly #clock: TickClock;
  readonly #owned: DisposableStack;
  readonly #startedAtMs = Date.now();
  #standing: Standing;
  #lastRound: ReaperRound = { entries: 0, ended: 0 };

  /** Brings a director up, in the place of one that the instance had. Whatever fails, nothing has changed. */
  constructor(options: DirectorOptions) {
    const { configuration, instance, report } = options;
    using owned = new DisposableStack();
    assertFeatures();
    this.#options = options;
    this.#clock = owned.use(new TickClock(createKernelHost()));
    this.#attachments = owned.use(new Attachments(instance?.directory, report));
    using former = instance && openPinned(instance.directory);
    this.#standing = this.#bringUp(configuration, former);
    this.#owned = owned.move();
  }

  get dataplane(): Dataplane<KernelProgram> {
    return this.#standing.dataplane;
  }

  get attachments(): readonly Attachment[] {
    return this.#attachments.all;
  }

  get configuration(): Configuration {
    return this.#standing.configuration;
  }

  /**
   * Makes another configuration the one at work: in the maps where the running program can serve it, by another program
   * otherwise. Whatever fails, the old one goes on. Says what became of the program.
   */
  apply(configuration: Configuration): Applied {
    const lack = this.lackFor(configuration);
    if (lack === undefined) {
      this.#standing = change(this.#standing, configuration, this.#options.report);
      return { program: "kept" };
    }
    this.#rebuild(configuration);
    return { program: "exchanged", because: lack };
  }

  /** Why another program is needed for a configuration; undefined: the running one will do. */
  lackFor(configuration: Configuration): string | undefined {
    return lackFor(this.#standing, configuration);
  }

  /** Builds everything anew for another configuration and swaps. */
  #rebuild(configuration: Configuration): void {
    using former = formerOf(createKernelHost(), this.dataplane.made, this.#options.version);
    const before = this.#standing;
    this.#standing = this.#bringUp(configuration, former);
    before[Symbol.dispose]();
  }

  #bringUp(configuration: Configuration, former: Former | undefined): Standing {
    const { version, report, instance } = this.#options;
    return bringUp({ configuration, version, report, instance, attachments: this.#attachments, former });
  }

  /** What goes on beside the packets, until `signal` is aborted. */
  async work(signal: AbortSignal): Promise<void> {
    const { report } = this.#options;
    const now = () => this.#clock.now();
    await Promise.all([
      keepReaping(
        () => this.dataplane,
        now,
        { signal, report },
        (round) => (this.#lastRound = round),
      ),
      keepResolved(() => this.#standing.nextHops, { signal, report }),
      keepTunnelSources(() => this.dataplane.live, { signal, report }),
    ]);
  }

  status(): DirectorStatus {
    const { version, fileName } = this.#options;
    const services = readServices(this.dataplane);
    return {
      version,
      pid: process.pid,
      startedAtMs: this.#startedAtMs,
      configurationFile: fileName,
      hooks: this.attachments.map(({ link, mode }) => ({
        interfaceName: link.name,
        mode,
        programId: this.dataplane.programFor(hookOf(mode)).id,
      })),
      services,
      verdicts: readVerdicts(this.dataplane),
      hints: this.#standing.hints.read({ services, connections: this.connections(sampleSize) }, performance.now()),
      connectionTable: { entries: this.#lastRound.entries, maximum: this.dataplane.plan.shape.maximumConnections },
    };
  }

  connections(limit: number): readonly ConnectionRow[] {
    return readConnections(this.dataplane, this.#clock.now(), limit);
  }

  [Symbol.dispose](): void {
    using _standing = this.#standing;
    this.#owned.dispose();
  }
}

/** Throws UnsupportedFeatureError for the first thing that this kernel lacks. */
function assertFeatures(): void {
  const needed = [
    features.xdpLink,
    features.batchOperations,
    features.innerMapsOfAnySize,
    features.programTypeInfo,
    features.atomicFetch,
    features.hashWithoutPreallocation,
    features.loopHelper,
    features.jiffiesHelper,
    features.fibLookupHelper,
  ];
  for (const feature of needed) feature.assertSupported();
}
