// Keeps the next hops of all destinations resolved: XDP cannot wait for ARP, so the kernel is asked
// beforehand, and again before an unused entry goes stale and is forgotten.

import {
  listNeighbours,
  type NeighbourState,
  resolveNeighbour,
  RouteSnapshot,
  SyscallError,
  withRouteSocket,
} from "@yardmaster/linux";
import type { Report } from "../log/report.ts";
import { inSlices, keepGoing, type Rounds } from "./rounds.ts";

/** Well below the kernel's gc_stale_time of 60 s (net/ipv4/arp.c). */
const REFRESH_MS = 20_000;
/** How often it is seen whether there are new ones. */
const LOOK_MS = 1_000;
/** Entries that somebody set by hand: asking about them would make the kernel forget what was set. */
const SET_BY_HAND: readonly NeighbourState[] = ["permanent", "noarp"];

/**
 * Clients of anywhere, to whom the default routes lead. Of the packets of nat and fullnat the kernel sees none, so it
 * would forget the router that they come from and go back to, and what is passed to it then has the service's address
 * as its source, which it takes for its own and drops (fib_validate_source, net/ipv4/fib_frontend.c): nobody would ask
 * again.
 */
const FAR_AWAY = ["192.88.99.1", "2002::1"] as const;

/** What a machine says without the address family. */
const NO_FAMILY: readonly string[] = ["EAFNOSUPPORT", "EOPNOTSUPP"];

/** Addresses that are asked for at once: the kernel is asked for a hundred thousand of them in a second. */
const MOST_AT_ONCE = 1000;
/** Problems told in one round. */
const MOST_TOLD = 20;

/** The next hops of some addresses. */
export class NextHops {
  readonly #report: Report;
  /** What is wrong with an address, as it was reported. */
  readonly #problems = new Map<string, string>();
  #addresses: ReadonlySet<string> = new Set();
  /** When the last round ended; undefined: some address was never asked for. */
  #roundEndedAtMs: number | undefined;

  /** Asks for the first of the addresses. Problems go to `report`, each once until it changes. */
  constructor(addresses: readonly string[], report: Report) {
    this.#report = report;
    this.follow(addresses);
  }

  /** These are the addresses from now on. Asks for the first of those that are new. */
  follow(addresses: readonly string[]): void {
    const before = this.#addresses;
    this.#addresses = new Set(addresses);
    const fresh = [...this.#addresses].filter((address) => !before.has(address));
    for (const address of this.#problems.keys()) if (!this.#addresses.has(address)) this.#problems.delete(address);
    if (fresh.length > MOST_AT_ONCE) this.#roundEndedAtMs = undefined;
    withRouteSocket(() => {
      const steps = this.#ask(fresh.slice(0, MOST_AT_ONCE));
      while (steps.next().done !== true);
    });
  }

  /** Whether it is time to ask for all of them. */
  isDue(nowMs: number): boolean {
    return this.#roundEndedAtMs === undefined || nowMs - this.#roundEndedAtMs >= REFRESH_MS;
  }

  /** Asks for each address once, one after the other. `now`: the clock of `isDue`. */
  *resolve(now: () => number): Generator<void> {
    const addresses = this.#addresses;
    yield* this.#ask(addresses);
    if (addresses === this.#addresses) this.#roundEndedAtMs = now();
  }

  *#ask(addresses: Iterable<string>): Generator<void> {
    const hops = new Set(
      listNeighbours()
        .filter(({ state }) => SET_BY_HAND.includes(state))
        .map(({ interfaceIndex, address }) => `${interfaceIndex} ${address}`),
    );
    const ways = new RouteSnapshot();
    let told = 0;
    const farAway: ReadonlySet<string> = new Set(FAR_AWAY);
    for (const address of [...addresses, ...FAR_AWAY]) {
      const found = resolveNextHop(ways, address, hops);
      yield;
      // Whether there are default routes is nobody's trouble.
      const problem = found?.isAbsence === true && farAway.has(address) ? undefined : found?.text;
      if (problem === this.#problems.get(address)) continue;
      if (problem === undefined) this.#problems.delete(address);
      else this.#problems.set(address, problem);
      told += 1;
      if (told <= MOST_TOLD) this.#tell(address, problem);
    }
    if (told > MOST_TOLD) this.#report(`and so for ${told - MOST_TOLD} addresses more`);
  }

  #tell(address: string, problem: string | undefined): void {
    const facts = { cause: "kernel", server: address } as const;
    if (problem === undefined) {
      this.#report(`${address}: has a route again`, { event: "troubleEnded", level: "notice", ...facts });
    } else this.#report(problem, { event: "troubleBegun", level: "warning", ...facts });
  }
}

/** Asks for the addresses that are current again and again until `signal` is aborted. */
export function keepResolved(
  current: () => NextHops,
  { signal, report }: Pick<Rounds, "signal" | "report">,
): Promise<void> {
  const now = () => performance.now();
  const round = async (): Promise<void> => {
    const hops = current();
    if (hops.isDue(now())) await inSlices(hops.resolve(now), { signal, isCurrent: () => current() === hops });
  };
  return keepGoing({ doing: "resolving next hops", pauseMs: LOOK_MS, signal, report, round });
}

/** What is in the way to an address. */
interface Problem {
  readonly text: string;
  /** There is no route, or no such address family on this machine. */
  readonly isAbsence: boolean;
}

/** Asks the kernel to resolve the next hop of `address` unless that is among `settled`; returns what is in the way. */
function resolveNextHop(ways: RouteSnapshot, address: string, settled: Set<string>): Problem | undefined {
  try {
    const route = ways.routeTo(address);
    if (route.type === "unreachable") return { text: `${address}: no route (${route.errnoName})`, isAbsence: true };
    if (route.type !== "unicast") return undefined;
    const { interfaceIndex, gateway: hop = address } = route;
    const name = `${interfaceIndex} ${hop}`;
    if (settled.has(name)) return undefined;
    settled.add(name);
    resolveNeighbour(interfaceIndex, hop);
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return { text: error.message, isAbsence: NO_FAMILY.includes(error.errnoName) };
  }
}
