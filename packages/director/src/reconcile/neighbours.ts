// Keeps the next hops of all destinations resolved: XDP cannot wait for ARP, so the kernel is asked
// beforehand, and again before an unused entry goes stale and is forgotten.

import {
  listNeighbours,
  type Neighbour,
  type NeighbourState,
  resolveNeighbour,
  routeTo,
  SyscallError,
} from "@yardmaster/linux";
import type { Report } from "../log/report.ts";
import { keepGoing, type Rounds } from "./rounds.ts";

/** Well below the kernel's gc_stale_time of 60 s (net/ipv4/arp.c). */
const REFRESH_MS = 20_000;
/** Entries that somebody set by hand: asking about them would make the kernel forget what was set. */
const SET_BY_HAND: readonly NeighbourState[] = ["permanent", "noarp"];

/** The next hops of some addresses. */
export class NextHops {
  readonly #addresses: ReadonlySet<string>;
  readonly #report: Report;
  /** What is wrong with an address, as it was reported. */
  readonly #problems = new Map<string, string>();

  /** Problems go to `report`, each once until it changes; the data plane counts what they cause. */
  constructor(addresses: readonly string[], report: Report) {
    this.#addresses = new Set(addresses);
    this.#report = report;
  }

  /** Asks for each address once. */
  resolve(): void {
    const kept = listNeighbours().filter(({ state }) => SET_BY_HAND.includes(state));
    for (const address of this.#addresses) {
      const problem = resolveNextHop(address, kept);
      if (problem === this.#problems.get(address)) continue;
      if (problem === undefined) this.#problems.delete(address);
      else this.#problems.set(address, problem);
      const facts = { cause: "kernel", server: address } as const;
      if (problem === undefined) {
        this.#report(`${address}: has a route again`, { event: "troubleEnded", level: "notice", ...facts });
      } else this.#report(problem, { event: "troubleBegun", level: "warning", ...facts });
    }
  }
}

/** Asks for the addresses that are current again and again until `signal` is aborted. */
export function keepResolved(current: () => NextHops, options: Pick<Rounds, "signal" | "report">): Promise<void> {
  const round = (): void => current().resolve();
  return keepGoing({ doing: "resolving next hops", pauseMs: REFRESH_MS, ...options, round });
}

/** Asks the kernel to resolve the next hop of `address` unless it is `kept`; returns what stands in the way. */
function resolveNextHop(address: string, kept: readonly Neighbour[]): string | undefined {
  try {
    const route = routeTo(address);
    if (route.type === "unreachable") return `${address}: no route (${route.errnoName})`;
    if (route.type !== "unicast") return undefined;
    const { interfaceIndex, gateway: hop = address } = route;
    const isKept = kept.some((entry) => entry.interfaceIndex === interfaceIndex && entry.address === hop);
    if (!isKept) resolveNeighbour(interfaceIndex, hop);
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return error.message;
  }
}
