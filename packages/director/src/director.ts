// The director at work on this machine: everything that is open while it runs, brought up whole or not
// at all, and taken down in the opposite order.

import { createKernelHost, features, type KernelProgram } from "@yardmaster/ebpf/kernel";
import type { CheckStatus, ConnectionRow, DirectorStatus, Hint, ServiceStatus } from "./api/types.ts";
import { Overlay } from "./change/overlay.ts";
import { type Leaving, Transitions } from "./change/transitions.ts";
import { HealthKeeper, type HealthTotals } from "./health/health-keeper.ts";
import { Hinter } from "./health/keep-hinted.ts";
import { VerdictWriter } from "./health/keep-verdicts.ts";
import type { VerdictFile } from "./health/verdict-file.ts";
import { type Attachment, hookOf } from "./kernel/attach.ts";
import { Attachments } from "./kernel/attachments.ts";
import { TickClock } from "./kernel/clock.ts";
import type { Dataplane } from "./kernel/dataplane.ts";
import type { Report } from "./log/report.ts";
import type { Configuration } from "./model/configuration.ts";
import type { VirtualService } from "./model/virtual-service.ts";
import { ProbeWay } from "./probes/probe-way.ts";
import { InterfaceWatch, keepAttached } from "./reconcile/keep-attached.ts";
import { keepCaughtUp } from "./reconcile/keep-caught-up.ts";
import { keepReaping } from "./reconcile/keep-reaping.ts";
import { keepResolved } from "./reconcile/neighbours.ts";
import type { Reaping } from "./reconcile/reaper.ts";
import { keepProbes, keepTunnelSources, sourceTowards } from "./reconcile/tunnel-sources.ts";
import { keepTending } from "./reconcile/keep-tending.ts";
import { ReconcileLag } from "./reconcile/lag.ts";
import { bringUp, change, lackFor, refresh, type Standing, type Wanted } from "./standing.ts";
import { entriesNow } from "./status/connection-table.ts";
import { eachConnection, readConnections } from "./status/connections.ts";
import { sampleSize } from "./status/hints.ts";
import { ServiceRates } from "./status/keep-rates.ts";
import { readRefused, TableWatch } from "./status/table-watch.ts";
import { connectionsOf, programOf, readServicesInPieces, readVerdicts } from "./status/snapshot.ts";
import { atOnce, inTurns } from "./status/turns.ts";
import { type Former, formerOf } from "./succession/former-maps.ts";
import type { Instance } from "./succession/instance.ts";
import { openPinned } from "./succession/pins.ts";

/** What a director is started with. */
export interface DirectorOptions {
  readonly configuration: Configuration;
  readonly fileName: string;
  readonly version: string;
  readonly report: Report;
  /** Keeps what is at work beyond this process; the director does not let go of it. Undefined: all ends with it. */
  readonly instance?: Instance | undefined;
  /** What ran before it, where that was another configuration: servers that are gone drain. */
  readonly before?: readonly VirtualService[] | undefined;
  /** What left the director before this one and may go on. */
  readonly leaving?: readonly Leaving[];
  /** What leaves is other than before. */
  readonly onLeaving?: () => void;
  /** What the director before this one knew of servers, and where this one says it; undefined: all begin as up. */
  readonly verdicts?: VerdictFile | undefined;
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
  /** Undefined until it is up. */
  readonly #owned: DisposableStack | undefined;
  readonly #rates = new ServiceRates();
  readonly #interfaces: InterfaceWatch;
  readonly #startedAtMs = Date.now();
  /** What is said of single servers, over the configuration. */
  readonly overlay: Overlay;
  readonly #transitions: Transitions;
  readonly #probes: ProbeWay;
  readonly #health: HealthKeeper;
  readonly #verdicts: VerdictWriter | undefined;
  #configuration: Configuration;
  #standing: Standing;
  readonly #lag = new ReconcileLag();
  /** Under way. */
  #observing: Promise<DirectorStatus> | undefined;
  readonly #table: TableWatch;
  /** Of the reaper, once it has been round. */
  #reaping: Reaping | undefined;

  /** Brings a director up, in the place of one that the instance had. Whatever fails, nothing has changed. */
  constructor(options: DirectorOptions) {
    const { configuration, instance, report } = options;
    using owned = new DisposableStack();
    assertFeatures();
    this.#options = options;
    this.#interfaces = new InterfaceWatch(report);
    this.#table = new TableWatch(report);
    this.#configuration = configuration;
    this.overlay = new Overlay((sinceMs) => this.#refresh(sinceMs));
    this.#transitions = new Transitions({
      overlay: this.overlay,
      connectionsOf: this.connectionsOf,
      now: () => performance.now(),
      report,
      ...(options.onLeaving !== undefined && { onLeaving: options.onLeaving }),
    });
    this.#transitions.resume(options.leaving ?? [], configuration.services);
    if (options.before !== undefined) this.#transitions.begin(options.before, configuration.services);
    this.#clock = owned.use(new TickClock(createKernelHost()));
    this.#attachments = owned.use(new Attachments(instance?.directory, report));
    using former = instance && openPinned(instance.directory);
    this.#probes = owned.use(new ProbeWay({ instance: instance?.name, report, sourceTowards }));
    this.#probes.want(configuration);
    this.#health = owned.use(
      new HealthKeeper({
        dialOf: this.#probes.dialOf,
        overlay: this.overlay,
        report,
        onUp: (...server) => this.#transitions.startSlowly(...server),
        ...(options.verdicts !== undefined && { wereDown: options.verdicts.read() }),
        onVerdict: () => this.#verdicts?.changed(),
      }),
    );
    // After the checks, so that it is closed before they end.
    this.#verdicts = options.verdicts && owned.use(new VerdictWriter(options.verdicts, () => this.#health.down()));
    // Before packets come: servers that were out stay out.
    this.#health.update(configuration.services);
    this.#standing = this.#bringUp(this.#wanted(configuration), former);
    this.#probes.attach(this.dataplane);
    this.#owned = owned.move();
  }

  get dataplane(): Dataplane<KernelProgram> {
    return this.#standing.dataplane;
  }

  get attachments(): readonly Attachment[] {
    return this.#attachments.all;
  }

  /** What was asked for. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Connections of a server that are in the table, by identity of its service and endpoint. */
  readonly connectionsOf = (service: string, endpoint: string): number =>
    connectionsOf(this.dataplane, service, endpoint);

  /** What leaves: no longer in the configuration, and kept for its connections. */
  leaving(): readonly Leaving[] {
    return this.#transitions.leaving();
  }

  /**
   * Makes another configuration the one at work: in the maps where the running program can serve it, by another program
   * otherwise. Servers that are gone drain. Whatever fails, the old one goes on. Says what became of the program.
   */
  apply(configuration: Configuration): Applied {
    const undo = this.#transitions.begin(this.#configuration.services, configuration.services);
    const sinceMs = performance.now();
    try {
      this.#probes.want(configuration);
      const applied = this.#put(this.#wanted(configuration));
      this.#lag.made(sinceMs, performance.now());
      this.#probes.fill(this.dataplane);
      this.#probes.attach(this.dataplane);
      this.#configuration = configuration;
      this.#health.update(configuration.services);
      return applied;
    } catch (error) {
      undo();
      this.#probes.want(this.#configuration);
      this.#probes.fill(this.dataplane);
      this.#probes.attach(this.dataplane);
      throw error;
    }
  }

  #put(wanted: Wanted): Applied {
    const lack = lackFor(this.#standing, wanted.configuration);
    if (lack === undefined) {
      this.#standing = change(this.#standing, wanted);
      return { program: "kept" };
    }
    this.#rebuild(wanted);
    return { program: "exchanged", because: lack };
  }

  /** Why another program is needed for a configuration; undefined: the running one will do. */
  lackFor(configuration: Configuration): string | undefined {
    return lackFor(this.#standing, this.#wanted(configuration).configuration);
  }

  /** A configuration with what leaves, and what runs of it under the overlay. */
  #wanted(configuration: Configuration): Wanted {
    const services = this.#transitions.withLeaving(configuration.services);
    return {
      configuration: { ...configuration, services: this.overlay.widest(services) },
      services: this.overlay.effective(services),
    };
  }

  /** The overlay has changed, `sinceMs` for the first time. */
  #refresh(sinceMs: number): void {
    if (this.#owned === undefined || this.#owned.disposed) return;
    const { report } = this.#options;
    try {
      const services = this.overlay.effective(this.#transitions.withLeaving(this.#configuration.services));
      refresh(this.#standing, services, this.#configuration);
      if (this.#lag.isBehind) report("changing services: works again", { event: "troubleEnded", level: "notice" });
      this.#lag.made(sinceMs, performance.now());
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // It is tried again; one line says all there is to say.
      if (!this.#lag.isBehind) {
        report(`changing services: ${reason}`, { event: "troubleBegun", level: "error", reason });
      }
      this.#lag.failed(sinceMs);
    }
  }

  /** What is wanted and could not be made is tried again. */
  #catchUp(): void {
    if (this.#lag.isBehind) this.#refresh(performance.now());
  }

  /** Builds everything anew for another configuration and swaps. */
  #rebuild(wanted: Wanted): void {
    using former = formerOf(createKernelHost(), this.dataplane.made, this.#options.version);
    const before = this.#standing;
    this.#standing = this.#bringUp(wanted, former);
    this.#probes.attach(this.dataplane);
    before[Symbol.dispose]();
  }

  #bringUp(wanted: Wanted, former: Former | undefined): Standing {
    const { version, report, instance } = this.#options;
    const complete = (dataplane: Dataplane<KernelProgram>) => this.#probes.fill(dataplane);
    return bringUp({ ...wanted, version, report, instance, attachments: this.#attachments, former, complete });
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
        ({ reaping }) => {
          this.#reaping = reaping;
          this.#table.look(readRefused(this.dataplane), () => this.#tableFill());
        },
      ),
      this.#rates.keepMeasured(() => this.dataplane, { signal, report }),
      keepTending(this.#transitions, { signal, report }),
      this.#verdicts?.keep({ signal, report }),
      new Hinter().keep(
        () => this.dataplane,
        (...hint) => this.#health.hint(...hint),
        { signal, report },
      ),
      keepResolved(() => this.#standing.nextHops, { signal, report }),
      keepTunnelSources(() => this.dataplane.live, { signal, report }),
      keepAttached(() => this.attendInterfaces(), { signal, report }),
      keepProbes(() => this.#probes.refresh(this.dataplane), { signal, report }),
      keepCaughtUp(() => this.#catchUp(), { signal, report }),
    ]);
  }

  /** Sees whether interfaces are gone or back; those that are back get their program again. */
  attendInterfaces(): void {
    const attachAnew = () => this.#rebuild(this.#wanted(this.#configuration));
    this.#interfaces.look(this.attachments, attachAnew, performance.now());
  }

  /** What is counted now. */
  traffic(): Pick<DirectorStatus, "services" | "verdicts" | "connectionTable"> {
    return { services: atOnce(this.#services()), ...this.#totals() };
  }

  /** The same in turns with everything else. */
  async trafficInTurns(): Promise<ReturnType<Director["traffic"]>> {
    return { services: await inTurns(this.#services()), ...this.#totals() };
  }

  #services(): Generator<void, ServiceStatus[]> {
    const { dataplane } = this;
    return readServicesInPieces(dataplane, (service) => this.#rates.annotate(dataplane, service));
  }

  #totals(): Pick<DirectorStatus, "verdicts" | "connectionTable"> {
    return {
      verdicts: readVerdicts(this.dataplane),
      connectionTable: this.#tableFill(),
    };
  }

  /** Entries of the connection table, and how many there can be. */
  #tableFill(): DirectorStatus["connectionTable"] {
    const seen = this.#reaping?.held ?? { entries: 0, connections: 0 };
    return {
      entries: entriesNow(this.dataplane, seen),
      maximum: this.dataplane.plan.shape.maximumConnections,
    };
  }

  status(): DirectorStatus {
    return atOnce(this.#observe());
  }

  /** The same in turns with everything else; who asks meanwhile gets the same. */
  statusInTurns(): Promise<DirectorStatus> {
    const observing = this.#observing ?? inTurns(this.#observe()).finally(() => (this.#observing = undefined));
    this.#observing = observing;
    return observing;
  }

  *#observe(): Generator<unknown, DirectorStatus> {
    const { version, fileName, instance } = this.#options;
    const services = yield* this.#services();
    const hints: Hint[] = [];
    const table = { ...this.#tableFill(), refused: readRefused(this.dataplane), isFull: this.#table.isFull };
    const observed = { services, connections: this.connections(sampleSize), table };
    for (const some of this.#standing.hints.eachService(observed, performance.now())) yield hints.push(...some);
    return {
      version,
      pid: process.pid,
      startedAtMs: this.#startedAtMs,
      configurationFile: fileName,
      ...(instance !== undefined && { instance: { name: instance.name, directory: instance.directory } }),
      hooks: this.attachments
        .filter(({ link }) => !this.#interfaces.isMissing(link.name))
        .map(({ link, mode }) => ({
          interfaceName: link.name,
          mode,
          programId: this.dataplane.programFor(hookOf(mode)).id,
        })),
      program: programOf(this.dataplane.plan.shape),
      reconcile: this.#lag.status(performance.now()),
      services,
      ...this.#totals(),
      hints,
    };
  }

  /** The health checks at work, with their last exchanges. */
  checks(): readonly CheckStatus[] {
    return this.#health.checks();
  }

  health(): HealthTotals {
    return this.#health.totals();
  }

  /** The same as `connections`, each read when it is asked for. */
  eachConnection(limit: number): Iterable<ConnectionRow> {
    return eachConnection(createKernelHost(), this.dataplane, { now: this.#clock.now(), limit });
  }

  connections(limit: number): readonly ConnectionRow[] {
    return readConnections(this.dataplane, this.#clock.now(), limit);
  }

  [Symbol.dispose](): void {
    using _standing = this.#standing;
    this.#owned?.dispose();
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
