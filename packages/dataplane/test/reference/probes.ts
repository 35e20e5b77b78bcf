// The reference's health checks: what becomes of a check's packet at the checks' interface, and of what comes back at
// the balancer. Checks are no connections: this is all that is known of them.

import { macBytes } from "@yardmaster/packet";
import type { FamilyName } from "../../src/index.ts";
import { type DestinationPlan, director, type HopPlan, overheadOf, TICKS_PER_SECOND } from "../plan.ts";
import type { Fate } from "./forward.ts";
import { errorTranslated, readIcmp } from "./icmp.ts";
import { readFrame, readPacket } from "./read-frame.ts";
import { sent, translated } from "./rewrite.ts";
import { wrapped } from "./tunnel.ts";

/** A server that is probed. */
export interface ProbePlan {
  /** The address that stands for it. */
  readonly address: string;
  readonly server: DestinationPlan;
  /** Where it sees the check come from, and what to. */
  readonly source: string;
  readonly destination: { readonly address: string; readonly port: number };
}

interface Exchange {
  readonly client: { readonly address: string; readonly port: number };
  readonly probe: { readonly address: string; readonly port: number };
  readonly until: number;
}

/** The addresses of the checks' sockets. */
export const probeSockets = { ipv4: "198.18.0.1", ipv6: "fd79:6172:6400::1" } as const;
/** The MAC address of both ends of the checks' interfaces. */
export const probeMac = "02:79:6d:63:6b:00";
/** The way to every server. */
export const probeHop: Required<HopPlan> = {
  mac: "02:00:00:00:02:00",
  sourceMac: director.outMac,
  ifindex: 5,
  vlan: 0,
  mtu: 1500,
};
const FAMILIES: readonly FamilyName[] = ["ipv4", "ipv6"];
/** A minute: checks do not wait so long. */
const REMEMBERED_TICKS = 60 * TICKS_PER_SECOND;

const keyOf = (...parts: readonly (string | number)[]): string => parts.join(" ");

export class ReferenceProbes {
  readonly #plans: ReadonlyMap<string, ProbePlan>;
  /** By the server's flow. */
  readonly #exchanges = new Map<string, Exchange>();
  now: number;

  /** The checks' sockets'. */
  readonly #own: readonly string[] = Object.values(probeSockets);

  constructor(plans: readonly ProbePlan[], now: number) {
    this.#plans = new Map(plans.map((plan) => [plan.address, plan]));
    this.now = now;
  }

  /** A packet of a check's socket. */
  send(bytes: Uint8Array): Fate {
    const packet = readPacket(bytes, [probeMac], FAMILIES);
    if (typeof packet === "object" && packet.fragment !== undefined)
      return { verdict: "drop", reason: "checkFragment" };
    const read = readFrame(bytes, [probeMac], FAMILIES);
    if (read === "notTcpOrUdp") return { verdict: "drop", reason: "checkUnknown" };
    if (typeof read === "string") return { verdict: "pass", frame: bytes, reason: read };
    if (!this.#own.includes(read.source)) return { verdict: "drop", reason: "checkUnknown" };
    const plan = this.#plans.get(read.destination);
    if (plan === undefined) return { verdict: "drop", reason: "checkUnknown" };
    const { server, source, destination } = plan;
    const { protocol, sourcePort } = read;
    this.#exchanges.set(keyOf(protocol, destination.address, destination.port, source, sourcePort), {
      client: { address: read.source, port: sourcePort },
      probe: { address: read.destination, port: read.destinationPort },
      until: this.now + REMEMBERED_TICKS,
    });
    if (server.tunnel?.source === "none") return { verdict: "drop", reason: "noTunnelSource" };
    if (read.totalLength + overheadOf(server) > probeHop.mtu) return { verdict: "drop", reason: "checkExceedsMtu" };
    if (read.ttl <= 1) return { verdict: "drop", reason: "timeToLiveExceeded" };
    const from = translated(bytes, read, "source", source, sourcePort);
    const both = translated(from, read, "destination", destination.address, destination.port);
    const plain = sent(both, read, probeHop);
    if (server.method !== "tun") return { verdict: "redirect", frame: plain };
    const inside = { ...read, source, destination: destination.address, destinationPort: destination.port };
    return { verdict: "redirect", frame: wrapped(plain, inside, server.address, server.tunnel) };
  }

  /** A packet that the balancer sees; undefined where it has nothing to do with a check. */
  answer(bytes: Uint8Array): Fate | undefined {
    const read = readFrame(bytes, [director.mac], FAMILIES);
    if (typeof read === "string") return this.#error(bytes);
    const { protocol, source, sourcePort, destination, destinationPort } = read;
    const known = this.#find(protocol, source, sourcePort, destination, destinationPort);
    if (known !== undefined) {
      const from = translated(bytes, read, "source", known.probe.address, known.probe.port);
      return back(translated(from, read, "destination", known.client.address, known.client.port));
    }
    const own = this.#find(protocol, destination, destinationPort, source, sourcePort);
    return own && { verdict: "drop", reason: "checkSentOn" };
  }

  /** An ICMP error about a check's packet. */
  #error(bytes: Uint8Array): Fate | undefined {
    const read = readPacket(bytes, [director.mac], FAMILIES);
    const quoted = typeof read === "string" ? read : readIcmp(bytes, read);
    if (typeof read === "string" || typeof quoted === "string" || read.destination !== quoted.source) return undefined;
    const { protocol, source, sourcePort, destination, destinationPort } = quoted;
    const known = this.#find(protocol, destination, destinationPort, source, sourcePort);
    if (known === undefined) return undefined;
    const { client, probe } = known;
    const own = { source: probe.address, destination: client.address };
    return back(errorTranslated(bytes, read, quoted, { own, quoted: { source: client, destination: probe } }));
  }

  #find(...flow: readonly (string | number)[]): Exchange | undefined {
    const known = this.#exchanges.get(keyOf(...flow));
    return known !== undefined && known.until > this.now ? known : undefined;
  }
}

/** Into the checks' interface, with its hops as they came. */
function back(bytes: Uint8Array): Fate {
  return {
    verdict: "redirect",
    frame: Uint8Array.of(...macBytes(probeMac), ...macBytes(probeMac), ...bytes.subarray(12)),
  };
}
