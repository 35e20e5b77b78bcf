// Builds a lab layout as a simulated network: the same hosts, cables, addresses and routes that network.ts of the real
// lab makes of namespaces. Neighbours are known from the start, so nobody asks by ARP.

import type { FrameCounts } from "../frames.ts";
import type { LabLayout, LinkEnd } from "../layout.ts";
import { hardwareAddressOf, serverHosts } from "../layout.ts";
import { capturePoints, pointName } from "../trace/capture-points.ts";
import type { Sighting } from "../trace/follow.ts";
import type { EventQueue } from "./event-queue.ts";
import { Host } from "./host.ts";
import { LearningSwitch } from "./learning-switch.ts";
import { Port } from "./port.ts";

/** How long a frame takes on any cable. */
const CABLE_LATENCY_MS = 0.2;

/** A simulated network that stands. */
export class SimulatedNetwork {
  readonly layout: LabLayout;
  readonly queue: EventQueue;
  readonly #hosts = new Map<string, Host>();
  readonly #ports = new Map<string, Port>();
  readonly #switches = new Map<string, LearningSwitch>();

  constructor(layout: LabLayout, queue: EventQueue) {
    this.layout = layout;
    this.queue = queue;
    const ends = layout.links.flatMap((link) => link.ends);
    for (const plan of layout.hosts) {
      const own = ends.filter(({ host }) => host === plan.name);
      const interfaces = own.map((end) => ({ name: end.interfaceName, mac: hardwareAddressOf(layout, end) }));
      if (plan.kind === "switch") this.#switches.set(plan.name, new LearningSwitch());
      else this.#hosts.set(plan.name, new Host(plan, interfaces));
    }
    for (const { ends: both } of layout.links) {
      const [a, b] = both;
      const ports = [this.#portOf(a), this.#portOf(b)] as const;
      Port.connect(queue, CABLE_LATENCY_MS, ports);
      this.#ports.set(pointName(a), ports[0]).set(pointName(b), ports[1]);
    }
    for (const end of ends) this.#introduce(end);
  }

  /** All hosts, switches aside. */
  get hosts(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  /** A host by its name in the layout; throws where there is none: the caller's mistake. */
  host(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`simulating the lab: the layout has no host "${name}"`);
    return host;
  }

  /** Captures what passes the capture points of the layout from now on; the list grows by itself. */
  capture(): readonly Sighting[] {
    const sightings: Sighting[] = [];
    for (const point of capturePoints(this.layout)) {
      const port = this.#ports.get(pointName(point));
      if (port === undefined) continue;
      port.tap = (direction, frame) => {
        const timestampNs = BigInt(Math.round(this.queue.nowMs * 1e6));
        const bytes = frame.slice();
        sightings.push({ point, direction, timestampNs, bytes, originalLength: bytes.length, checksumPending: false });
      };
    }
    return sightings;
  }

  /** What the cables have carried so far, counted at the same places as in the real lab. */
  frames(): FrameCounts {
    const requests = this.host("client").interfaces.reduce((total, { port }) => total + port.sent, 0);
    const servers = serverHosts(this.layout).flatMap(({ name }) => this.host(name).interfaces);
    const director = this.host("director").interfaces;
    return {
      requests,
      replies: servers.reduce((total, { port }) => total + port.sent, 0),
      repliesThroughDirector: director.reduce((total, { port }) => total + port.received, 0) - requests,
    };
  }

  #interface({ host, interfaceName }: LinkEnd): Host["interfaces"][number] {
    const found = this.host(host).interfaces.find(({ name }) => name === interfaceName);
    if (found === undefined) throw new Error(`simulating the lab: host "${host}" has no interface "${interfaceName}"`);
    return found;
  }

  #portOf(end: LinkEnd): Port {
    return this.#switches.get(end.host)?.addPort() ?? this.#interface(end).port;
  }

  /** Tells the host at this end the MAC addresses of all addresses on the segment; those on lo keep silent. */
  #introduce(end: LinkEnd): void {
    if (this.#switches.has(end.host)) return;
    const { neighbours } = this.#interface(end);
    for (const other of this.#segmentOf(end)) {
      const { addresses } = this.host(other.host).plan;
      for (const { address } of addresses.filter(({ interfaceName }) => interfaceName === other.interfaceName)) {
        neighbours.set(address.replace(/\/.*/, ""), this.#interface(other).mac);
      }
    }
  }

  /** The other hosts' ends on the same segment: over the cable, or over all cables of the switch there. */
  #segmentOf(end: LinkEnd): readonly LinkEnd[] {
    const opposite = (from: LinkEnd): LinkEnd | undefined =>
      this.layout.links
        .map(({ ends: [a, b] }) => (isSame(a, from) ? b : isSame(b, from) ? a : undefined))
        .find((other) => other !== undefined);
    const across = opposite(end);
    if (across === undefined || !this.#switches.has(across.host)) return across === undefined ? [] : [across];
    return this.layout.links
      .flatMap(({ ends }) => ends)
      .filter(({ host }) => host === across.host)
      .flatMap((port) => opposite(port) ?? [])
      .filter((other) => !isSame(other, end));
  }
}

function isSame(a: LinkEnd, b: LinkEnd): boolean {
  return a.host === b.host && a.interfaceName === b.interfaceName;
}
