// Keeps the next hops of all destinations resolved: XDP cannot wait for ARP, so the kernel is asked
// beforehand, and again before an unused entry goes stale and is forgotten.

import { resolveNeighbour, routeTo, SyscallError } from "@yardmaster/linux";
import { pause } from "./reaper.ts";

/** Well below the kernel's gc_stale_time of 60 s (net/ipv4/arp.c). */
const REFRESH_MS = 20_000;

/** Asks for the next hop of each address once. Problems go to `report`; the data plane counts what they cause. */
export function resolveNextHops(addresses: readonly string[], report: (line: string) => void): void {
  for (const address of new Set(addresses)) {
    try {
      const route = routeTo(address);
      if (route.type === "unicast") resolveNeighbour(route.interfaceIndex, route.gateway ?? address);
      else if (route.type === "unreachable") report(`${address}: no route (${route.errnoName})`);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      report(error.message);
    }
  }
}

/** Does so again and again until `signal` is aborted. */
export async function keepResolved(
  addresses: readonly string[],
  signal: AbortSignal,
  report: (line: string) => void,
): Promise<void> {
  while (await pause(REFRESH_MS, signal)) resolveNextHops(addresses, report);
}
