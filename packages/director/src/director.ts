// The director at work on this machine: everything that is open while it runs, brought up whole or not
// at all, and taken down in the opposite order.

import { createKernelHost, features, type KernelProgram } from "@yardmaster/ebpf/kernel";
import type { ConnectionRow, DirectorStatus } from "./api/types.ts";
import { createLinuxNetwork } from "./checks/linux-network.ts";
import { type Attachment, attach } from "./kernel/attach.ts";
import { TickClock } from "./kernel/clock.ts";
import { createDataplane, type Dataplane } from "./kernel/dataplane.ts";
import { readKernelPorts } from "./kernel/kernel-ports.ts";
import { assertForwarding, type ChosenInterfaces, chooseInterfaces } from "./kernel/interfaces.ts";
import type { Configuration } from "./model/configuration.ts";
import { plan } from "./plan/plan.ts";
import { NextHops } from "./reconcile/neighbours.ts";
import { keepReaping } from "./reconcile/keep-reaping.ts";
import type { ReaperRound } from "./reconcile/reaper.ts";
import { keepTunnelSources, sourceTowards } from "./reconcile/tunnel-sources.ts";
import { readConnections } from "./status/connections.ts";
import { Hints, sampleSize } from "./status/hints.ts";
import { readServices, readVerdicts } from "./status/snapshot.ts";

/** What a director is started with. */
export interface DirectorOptions {
  readonly configuration: Configuration;
  readonly fileName: string;
  readonly version: string;
  readonly report: (line: string) => void;
}

/** A running director. */
export class Director implements Disposable {
  readonly dataplane: Dataplane<KernelProgram>;
  readonly attachments: readonly Attachment[];
  readonly #options: DirectorOptions;
  readonly #clock: TickClock;
  readonly #nextHops: NextHops;
  readonly #hints: Hints;
  readonly #owned: DisposableStack;
  readonly #startedAtMs = Date.now();
  #lastRound: ReaperRound = { entries: 0, ended: 0 };

  /** Brings a director up. Whatever fails, nothing stays open or attached. */
  constructor(options: DirectorOptions) {
    const { configuration, report } = options;
    using owned = new DisposableStack();
    assertFeatures();
    const interfaces = chooseInterfaces(configuration.director.interfaces);
    const { macs, sendBack } = interfaces;
    const planned = plan(configuration, macs, { sendBack, kernelPorts: readKernelPorts() });
    assertForwarding(interfaces.attach, planned.shape.families);
    const dataplane = owned.use(createDataplane(createKernelHost(), planned, { sourceTowards }));
    fillVlans(dataplane, interfaces);
    this.#clock = owned.use(new TickClock(createKernelHost()));
    this.#nextHops = new NextHops(serverAddresses(configuration), report);
    this.#nextHops.resolve();
    this.attachments = interfaces.attach.map((link) => {
      const attachment = owned.use(attach(dataplane.program, link, configuration.director.hook, report));
      report(`${link.name}: attached, ${attachment.mode} XDP`);
      return attachment;
    });
    this.dataplane = dataplane;
    this.#hints = new Hints(configuration.director, createLinuxNetwork);
    this.#options = options;
    this.#owned = owned.move();
  }

  /** What goes on beside the packets, until `signal` is aborted. */
  async work(signal: AbortSignal): Promise<void> {
    const { report } = this.#options;
    const now = () => this.#clock.now();
    await Promise.all([
      keepReaping(this.dataplane, now, { signal, report }, (round) => (this.#lastRound = round)),
      this.#nextHops.keepResolved(signal),
      keepTunnelSources(this.dataplane.live, { signal, report }),
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
        programId: this.dataplane.program.id,
      })),
      services,
      verdicts: readVerdicts(this.dataplane),
      hints: this.#hints.read({ services, connections: this.connections(sampleSize) }, performance.now()),
      connectionTable: { entries: this.#lastRound.entries, maximum: this.dataplane.plan.shape.maximumConnections },
    };
  }

  connections(limit: number): readonly ConnectionRow[] {
    return readConnections(this.dataplane, this.#clock.now(), limit);
  }

  [Symbol.dispose](): void {
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

function serverAddresses(configuration: Configuration): string[] {
  return configuration.services.flatMap(({ servers }) => servers.map(({ address }) => address));
}

/** Routes over VLAN interfaces lead to a tag on the interface below. */
function fillVlans({ maps }: Dataplane, { vlans }: ChosenInterfaces): void {
  for (const { index, linkIndex, vlanId } of vlans) {
    if (linkIndex === undefined || vlanId === undefined) continue;
    maps.vlanDevices.update({ ifindex: index }, { ifindex: linkIndex, vlan: vlanId, reserved: 0 });
  }
}
