// Where tunnels begin: this machine's address towards each server, as routing has it, looked at again and again. XDP
// cannot ask for it before Linux 6.7 (BPF_FIB_LOOKUP_SRC), so the control plane writes it to the destinations.

import { routeTo } from "@yardmaster/linux";
import type { LiveServices } from "../live/live-services.ts";
import { inSlices, keepGoing, type Rounds } from "./rounds.ts";

/** Routes and addresses change seldom, and what has an old address is lost only where that is gone. */
const REFRESH_MS = 5_000;

/** This machine's address towards another; undefined where there is no way. */
export function sourceTowards(address: string): string | undefined {
  const route = routeTo(address);
  return route.type === "unicast" ? route.source : undefined;
}

/** Keeps the tunnels of what `live` gives at the right addresses until `signal` is aborted. */
export function keepTunnelSources(live: () => LiveServices, { signal, report }: Pick<Rounds, "signal" | "report">) {
  const rounds = { doing: "looking where tunnels begin", pauseMs: REFRESH_MS, signal, report };
  const round = async (): Promise<void> => {
    const begun = live();
    await inSlices(begun.refreshTunnels(), { signal, isCurrent: () => live() === begun });
  };
  return keepGoing({ ...rounds, round });
}

/** Does the same for what servers answer health checks to, by `refresh`. */
export function keepProbes(refresh: () => void, { signal, report }: Pick<Rounds, "signal" | "report">) {
  const rounds = { doing: "looking where checks are answered to", pauseMs: REFRESH_MS, signal, report };
  return keepGoing({ ...rounds, round: refresh });
}
