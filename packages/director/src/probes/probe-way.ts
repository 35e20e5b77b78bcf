// The way of checks through the data plane, as long as any take it: a pair of interfaces, an address for each server
// that is probed, and what the programs must know of them. Where the pair cannot be made the checks say why.

import { isDeepStrictEqual } from "node:util";
import { attachTc, type KernelProgram, type TcAttachment } from "@yardmaster/ebpf/kernel";
import { listAddresses, listLinks } from "@yardmaster/linux";
import { addressWords, formatPrefix } from "@yardmaster/packet";
import type { Dial } from "../health/through.ts";
import type { Dataplane } from "../kernel/dataplane.ts";
import type { Report } from "../log/report.ts";
import type { Configuration } from "../model/configuration.ts";
import { prefixesOf } from "../model/virtual-service.ts";
import {
  isProbeInterface,
  makeProbeInterfaces,
  probeInterfaceNames,
  type ProbeInterfaces,
  removeStale,
} from "./probe-interfaces.ts";
import { chooseNetworks, probeAddress, type ProbeNetworks } from "./probe-network.ts";
import { probeRecord } from "./probe-record.ts";
import { type Probe, probesOf } from "./probe.ts";

/** What a way is made with. */
export interface ProbeWayOptions {
  /** Name of the instance; undefined: nothing outlives this process. */
  readonly instance: string | undefined;
  readonly report: Report;
  /** This machine's address towards another; undefined where there is no way. */
  readonly sourceTowards: (address: string) => string | undefined;
}

/** What was made. */
interface Pair {
  /** Networks as they were asked for. */
  readonly asked: readonly string[];
  readonly interfaces: ProbeInterfaces;
  readonly networks: ProbeNetworks;
}

/** A probe and the number of its address. */
interface Numbered {
  readonly probe: Probe;
  readonly number: number;
}

/** Each is a question to the kernel. */
const ASKED_AT_ONCE = 256;

/** Of one director. */
export class ProbeWay implements Disposable {
  readonly #options: ProbeWayOptions;
  #pair: Pair | undefined;
  #problem = "no check goes through the data plane yet";
  #attached: TcAttachment | undefined;
  #numbered: ReadonlyMap<string, Numbered> = new Map();
  /** What a data plane's maps hold, by address. */
  #written = new WeakMap<Dataplane, Map<string, string>>();
  /** This machine's address towards each server that needs one. */
  readonly #sources = new Map<string, string | undefined>();
  /** What was filled last, and what took its packets from. */
  #filled: Dataplane | undefined;
  #former: Dataplane | undefined;

  constructor(options: ProbeWayOptions) {
    this.#options = options;
  }

  /** What is to be probed from now on. Makes the pair if it is needed and not there. */
  want(configuration: Configuration): void {
    const probes = probesOf(configuration.services);
    const former = this.#numbered;
    const free = numbersBeside(new Set([...former.values()].map(({ number }) => number)));
    this.#numbered = new Map(
      [...probes].map(([key, probe]) => [key, { probe, number: former.get(key)?.number ?? free() }]),
    );
    const servers = new Set(probes.values().map(({ server }) => server.address));
    for (const address of this.#sources.keys().filter((one) => !servers.has(one))) this.#sources.delete(address);
    const { checkNetworks = [] } = configuration.director;
    if (this.#pair !== undefined && !isDeepStrictEqual(this.#pair.asked, checkNetworks)) this.#end();
    if (probes.size > 0 && this.#pair === undefined) this.#make(configuration);
  }

  /** Where a check's sockets connect to. */
  readonly dialOf = (probe: Probe): Dial => {
    if (this.#pair === undefined) return { problem: this.#problem };
    const { interfaces, networks } = this.#pair;
    const { own: localAddress, room } = networks[probe.family];
    if (!interfaces.families.includes(probe.family)) {
      return {
        problem: `checks through the data plane: this machine has no ${probe.family === "ipv6" ? "IPv6" : "IPv4"}`,
      };
    }
    const address = this.#addressOf(probe);
    if (address === undefined) return { problem: `checks through the data plane: there is room for ${room} servers` };
    return { address, port: probe.destination.port, localAddress };
  };

  /** Writes down for a data plane what it must know, and what has changed since the last time. */
  fill(dataplane: Dataplane): void {
    const pair = this.#pair;
    if (pair === undefined || dataplane.prober === undefined) return;
    try {
      this.#follow(dataplane);
      if (!this.#written.has(dataplane)) dataplane.maps.probeBack.update(0, hopTo(pair.interfaces));
      this.#write(dataplane);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /**
   * Asks again where some of the servers are to answer to, and writes down what has changed; the next ones at the next
   * time, so that many of them don't hold up anything.
   */
  refresh(dataplane: Dataplane): void {
    const [...some] = this.#sources.keys().take(ASKED_AT_ONCE);
    let isOther = false;
    for (const address of some) {
      const before = this.#sources.get(address);
      // To the end of the line.
      this.#sources.delete(address);
      isOther = this.#sourceTowards(address) !== before || isOther;
    }
    if (isOther) this.fill(dataplane);
  }

  readonly #sourceTowards = (address: string): string | undefined => {
    if (!this.#sources.has(address)) this.#sources.set(address, this.#options.sourceTowards(address));
    return this.#sources.get(address);
  };

  #write(dataplane: Dataplane): void {
    const { maps, plan } = dataplane;
    const written = this.#written.get(dataplane) ?? new Map<string, string>();
    this.#written.set(dataplane, written);
    const wanted = new Set<string>();
    for (const family of plan.shape.families) {
      const address = this.#pair?.networks[family].own;
      if (address === undefined) continue;
      // Only what these send is a check's.
      wanted.add(address);
      if (written.has(address)) continue;
      const { probes } = maps[family];
      probes.update(
        { address: addressWords(address) },
        probes.spec.value.decode(new Uint8Array(probes.spec.value.size)),
      );
      written.set(address, "sockets");
    }
    const own = ownAddresses();
    for (const { probe } of this.#numbered.values()) {
      const address = this.#addressOf(probe);
      if (address === undefined || !plan.shape.families.includes(probe.family)) continue;
      const ground = { address, sourceTowards: this.#sourceTowards, ownAddresses: () => own };
      const record = probeRecord(probe, ground);
      if (record === undefined) continue;
      wanted.add(address);
      const text = JSON.stringify(record, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
      if (written.get(address) === text) continue;
      maps[probe.family].probes.update({ address: addressWords(address) }, record);
      written.set(address, text);
    }
    for (const address of [...written.keys()].filter((one) => !wanted.has(one))) {
      maps[address.includes(":") ? "ipv6" : "ipv4"].probes.delete({ address: addressWords(address) });
      written.delete(address);
    }
  }

  /** Has a data plane's program take what the sockets send. */
  attach(dataplane: Dataplane<KernelProgram>): void {
    const { prober } = dataplane;
    if (this.#pair === undefined || prober === undefined) return;
    try {
      if (this.#attached !== undefined) this.#attached.update(prober);
      else this.#attached = attachTc({ program: prober, interfaceIndex: this.#pair.interfaces.index });
    } catch (error) {
      this.#giveUp(error);
    }
    // What the former program sent in the meantime.
    if (this.#former !== undefined) carryExchanges(this.#former, dataplane);
    this.#former = undefined;
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #end(): void {
    using _pair = this.#pair?.interfaces;
    using attached = this.#attached;
    this.#pair = undefined;
    this.#attached = undefined;
    this.#written = new WeakMap();
    attached?.detach();
  }

  /** Exchanges under way go on when a program takes the place of another. */
  #follow(dataplane: Dataplane): void {
    if (this.#filled === dataplane) return;
    // One that was filled before has come back: what was to follow it is closed.
    this.#former = this.#written.has(dataplane) ? undefined : this.#filled;
    this.#filled = dataplane;
    if (this.#former !== undefined) carryExchanges(this.#former, dataplane);
  }

  #giveUp(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#problem = `checks through the data plane: ${reason}`;
    this.#options.report(`${this.#problem}: those with via: vip say nothing of their servers`, {
      ...{ event: "troubleBegun", level: "error", reason },
    });
    this.#end();
  }

  #make({ services, director: { checkNetworks: asked = [] } }: Configuration): void {
    const configured = services.flatMap(({ match, servers, localAddresses = [] }) => [
      ...prefixesOf(match).map((prefix) => prefix.split("/")[0] ?? ""),
      ...servers.map(({ address }) => address),
      ...localAddresses,
    ]);
    const { report, instance } = this.#options;
    const own = probeInterfaceNames(instance);
    try {
      removeStale(own);
      const networks = chooseNetworks(asked, [...listAddresses().map(({ address }) => address), ...configured]);
      this.#pair = { asked, networks, interfaces: makeProbeInterfaces(own, networks) };
      const { names } = this.#pair.interfaces;
      const from = Object.values(networks).map(({ prefix }) => formatPrefix(prefix));
      report(`checks go through the data plane by ${names.join(" and ")}, from ${from.join(" and ")}`);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** The address that stands for a server; undefined where there is no room for it. */
  #addressOf({ key, family }: Probe): string | undefined {
    const network = this.#pair?.networks[family];
    const { number } = this.#numbered.get(key) ?? {};
    return network && number !== undefined && number < network.room ? probeAddress(network, number) : undefined;
  }
}

/** This machine's addresses that are not of checks; nothing of loopback and link alone. */
function ownAddresses(): readonly string[] {
  const ours = new Set(listLinks().flatMap(({ name, index }) => (isProbeInterface(name) ? [index] : [])));
  return listAddresses()
    .filter(({ interfaceIndex }) => !ours.has(interfaceIndex))
    .map(({ address }) => address)
    .filter((address) => !/^(127\.|::1$|fe80:)/.test(address));
}

function carryExchanges(from: Dataplane, to: Dataplane): void {
  for (const family of ["ipv4", "ipv6"] as const) {
    const isIn = [from, to].every(({ prober, plan }) => prober !== undefined && plan.shape.families.includes(family));
    if (!isIn) continue;
    for (const [flow, exchange] of from.maps[family].probeFlows.entries())
      to.maps[family].probeFlows.update(flow, exchange);
  }
}

/** Numbers from 0 on that are not among these, each once. */
function numbersBeside(taken: ReadonlySet<number>): () => number {
  let next = 0;
  return () => {
    while (taken.has(next)) next += 1;
    return next++;
  };
}

/** Content of the map with the way to the sockets. */
function hopTo({ index, mac }: ProbeInterfaces) {
  return { refreshedAt: 0, ifindex: index, mtu: 0xffff, vlan: 0, macs: { destination: mac, source: mac } };
}
