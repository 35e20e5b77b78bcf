// A data plane that a test sends packets to: made from a configuration on either host, its clock moved by hand, the
// ways to servers and clients known.

import type { BpfProgram } from "@yardmaster/ebpf";
import { addressWords, macBytes } from "@yardmaster/packet";
import { expect } from "vitest";
import { createDataplane, type Dataplane, type HostOf } from "../src/kernel/dataplane.ts";
import type { Configuration } from "../src/model/configuration.ts";
import { plan } from "../src/plan/plan.ts";
import { reap, type ReaperRound } from "../src/reconcile/reaper.ts";
import { readServices } from "../src/status/snapshot.ts";
import { compileOnce } from "./compile-once.ts";
import { directorMac } from "./sample.ts";

export const TICKS_PER_SECOND = 250;
export const XDP_DROP = 1;
export const XDP_PASS = 2;
export const XDP_TX = 3;
const LOOPBACK = 1;
const macs = [macBytes(directorMac)];
/** Clients whose way is known. */
export const clients = ["203.0.113.7", "203.0.113.8"] as const;

/** What the contract is tried on. */
export interface ContractHost {
  /** A new host. */
  readonly create: () => HostOf<BpfProgram>;
  /** Entries of the largest table that is tried. */
  readonly manyEntries: number;
}

/** A data plane whose clock a test moves. */
export class Bench implements Disposable {
  readonly dataplane: Dataplane;
  readonly #owned: Disposable;
  #now = 1000;

  constructor(host: HostOf<BpfProgram>, wanted: Configuration) {
    const dataplane = createDataplane(host, plan(wanted, macs, { clock: "manual" }), {
      ticksPerSecond: TICKS_PER_SECOND,
      compileFor: compileOnce,
    });
    this.dataplane = dataplane;
    this.#owned = dataplane;
    this.setTime(this.#now);
  }

  readonly now = (): number => this.#now;

  /** Moves the clock, and keeps the ways to servers and clients known: no neighbour has to be asked. */
  setTime(now: number): void {
    this.#now = now >>> 0;
    makeWaysKnown(this.dataplane, this.#now);
  }

  /** Sends a packet in; its verdict. */
  send(packet: Uint8Array): number {
    return this.dataplane.program.run({ packet, ingressIfindex: LOOPBACK }).verdict;
  }

  /** One whole walk of the reaper. */
  reap(): ReaperRound {
    const walk = reap(this.dataplane, this.now);
    for (;;) {
      const step = walk.next();
      if (step.done === true) return step.value;
    }
  }

  /** One walk that must see every entry; how many connections it ended. */
  reapAll(): number {
    const before = this.entries();
    const { entries, ended } = this.reap();
    expect(entries).toBe(before);
    return ended;
  }

  /** Entries of the connection table. */
  entries(): number {
    return [...this.dataplane.maps.ipv4.connections.entries()].length;
  }

  counts() {
    return readServices(this.dataplane).flatMap(({ servers }) =>
      servers.map(({ activeConnections, inactiveConnections }) => [activeConnections, inactiveConnections]),
    );
  }

  [Symbol.dispose](): void {
    this.#owned[Symbol.dispose]();
  }
}

/** Tells the programs the time, and the ways to servers and clients at that time. */
export function makeWaysKnown({ maps, live }: Dataplane, now: number): void {
  const { settings, paths, ipv4 } = maps;
  const before = settings.lookup(0);
  if (before === undefined) throw new Error("the settings are not there");
  settings.update(0, { ...before, now });
  for (const { index } of live.services().flatMap(({ members }) => members)) {
    const values = paths.lookupPerCpu(index) ?? [];
    paths.updatePerCpu(
      index,
      values.map((path) => ({ ...path, hop: hop(now) })),
    );
  }
  for (const client of clients) {
    ipv4.clientHops.update(clientSlot(client), { address: addressWords(client), hop: hop(now) });
  }
}

/** A way out that leads back where packets come in. */
function hop(now: number) {
  const addresses = { destination: macBytes("02:00:00:00:00:99"), source: macBytes(directorMac) };
  return { refreshedAt: now, ifindex: LOOPBACK, mtu: 1500, vlan: 0, macs: addresses };
}

/** The slot of a client's next hop: the upper bits of a multiplicative hash of the address as memory has it. */
export function clientSlot(address: string): number {
  const inMemory = new DataView(Uint8Array.from(address.split("."), Number).buffer).getUint32(0, true);
  return Math.imul(inMemory, 0x9e37_79b1) >>> 22;
}
