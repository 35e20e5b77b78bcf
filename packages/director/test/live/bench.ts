// A live data plane that a test changes and sends packets to, its clock moved by hand, all ways known.

import { type BalancerShape, families } from "@yardmaster/dataplane";
import type { BpfProgram } from "@yardmaster/ebpf";
import { layerOf, macBytes, parseFrame } from "@yardmaster/packet";
import { addressText, endpointText } from "../../src/address.ts";
import { createDataplane, type Dataplane, type HostOf } from "../../src/kernel/dataplane.ts";
import { endpointOf } from "../../src/live/service.ts";
import type { LiveSettings } from "../../src/plan/settings.ts";
import type { VirtualService } from "../../src/model/virtual-service.ts";
import { hasPassed, reap } from "../../src/reconcile/reaper.ts";
import type { Former } from "../../src/succession/former-maps.ts";
import { clients, makeWaysKnown, XDP_DROP, XDP_PASS, XDP_TX } from "../bench.ts";
import { compileOnce } from "../compile-once.ts";
import { directorMac, tcpPacket, VIP } from "../sample.ts";
import { fullShape, TICKS_PER_SECOND, usualSettings } from "./ground.ts";

const LOOPBACK = 1;
const CLIENT = clients[0];
const shape: BalancerShape = {
  ...fullShape,
  ...{ families: ["ipv4"], schedulers: ["rr", "wrr", "sh", "wlc", "lblc", "lblcr"], macs: [macBytes(directorMac)] },
  maximumConnections: 1024,
};

/** What became of a packet: the server that it went to, the address that a reply comes from, or that it was left. */
export type Fate = string;

/** A flow of the client's, as short as tests name it. */
export interface FlowName {
  /** The client's port. */
  readonly port: number;
  /** Default: VIP. */
  readonly to?: string;
}

/** What a bench begins with besides its settings. */
export interface Beginning {
  readonly services?: readonly VirtualService[];
  readonly shape?: Partial<BalancerShape>;
  readonly former?: Former;
  readonly now?: number;
}

export class LiveBench implements Disposable {
  readonly dataplane: Dataplane;
  #now = 1_000_000;

  constructor(host: HostOf<BpfProgram>, settings: Partial<LiveSettings> = {}, begun: Beginning = {}) {
    const { services = [], former, now } = begun;
    const all = { ...usualSettings, ...settings };
    const plan = { shape: { ...shape, ...begun.shape }, services, arrival: "together", settings: all } as const;
    const clock = { ticksPerSecond: TICKS_PER_SECOND, now: now ?? this.#now };
    this.dataplane = createDataplane(host, plan, { ...clock, former, compileFor: compileOnce });
    this.#now = now ?? this.#now;
    this.wait(0);
  }

  get live() {
    return this.dataplane.live;
  }

  get now(): number {
    return this.#now;
  }

  /** Lets seconds pass; nothing else happens in them. */
  wait(seconds: number): void {
    this.#now = (this.#now + Math.round(seconds * TICKS_PER_SECOND)) >>> 0;
    makeWaysKnown(this.dataplane, this.#now);
  }

  /** A packet of the client with these flags; opens a connection where it is a SYN. */
  send({ port, to = VIP }: FlowName, flags = "S"): Fate {
    makeWaysKnown(this.dataplane, this.#now);
    const { verdict } = this.#run(tcpPacket(`${CLIENT}:${port}`, `${to}:80`, flags));
    if (verdict === XDP_DROP) return "dropped";
    if (verdict === XDP_PASS) return "left";
    return this.connections().get(connectionName({ port, to })) ?? "lost";
  }

  /** Opens a connection that is established. */
  open(flow: FlowName): Fate {
    const fate = this.send(flow);
    if (fate.includes(":")) this.send(flow, "A");
    return fate;
  }

  /** An answer of a server to the client's port: the address that it comes from at the client. */
  answer(port: number, server: `${string}:${number}`, flags = "A"): Fate {
    const { verdict, packet } = this.#run(tcpPacket(server, `${CLIENT}:${port}`, flags));
    const source = layerOf(parseFrame(packet), "ipv4")?.source ?? "nowhere";
    return verdict === XDP_TX ? source : "left";
  }

  /** One walk of the reaper and what follows it. */
  round(): void {
    const walk = reap(this.dataplane, () => this.#now);
    while (walk.next().done !== true);
  }

  /** Servers of the connections that have not ended, by the client's port and the virtual address. */
  connections(): ReadonlyMap<string, string> {
    const { connections } = this.dataplane.maps.ipv4;
    const { Connection } = families.ipv4;
    const found = new Map<string, string>();
    for (const [flow, connection] of connections.entries()) {
      const { life, direction, destination } = connection as ReturnType<typeof Connection.decode>;
      if (direction !== 0 || hasPassed(Number(life & 0xffff_ffffn), this.#now)) continue;
      const place = this.live.ownerOf(destination)?.place;
      const to = addressText(flow.destination, "ipv4");
      const name = place === undefined ? `destination ${destination}` : endpointOf(place.definition);
      found.set(connectionName({ port: flow.sourcePort, to }), name);
    }
    return found;
  }

  /** Active and inactive connections of each destination, those that were removed included. */
  counts(): Readonly<Record<string, readonly [number, number]>> {
    const { destinations, loads } = this.dataplane.maps;
    return Object.fromEntries(
      Array.from({ length: destinations.spec.maxEntries }, (_, index) => index).flatMap((index) => {
        const owner = this.live.ownerOf(index);
        if (owner === undefined) return [];
        const connections = loads.lookup(index)?.connections ?? 0n;
        const { definition } = owner.place;
        const count = [Number(connections >> 32n), Number(connections & 0xffff_ffffn)] as const;
        return [[`${owner.place.owner.identity} ${endpointOf(definition)}`, count]];
      }),
    );
  }

  /** How many destinations were removed and are not forgotten. */
  removed(): number | undefined {
    return this.dataplane.maps.settings.lookup(0)?.removedDestinations;
  }

  [Symbol.dispose](): void {
    this.dataplane[Symbol.dispose]();
  }

  #run(packet: Uint8Array) {
    return this.dataplane.program.run({ packet, ingressIfindex: LOOPBACK });
  }
}

/** A connection as tests name it. */
export function connectionName({ port, to = VIP }: FlowName): string {
  return endpointText(to, port);
}
