// Which health check a server's packet answers.

import { type Int, type Reference, when } from "@yardmaster/ebpf";
import type { Family } from "../family.ts";
import type { FlowReference } from "../life.ts";
import type { BalancerMaps } from "../schema.ts";

type ProbeFlowReference = Reference<Family["ProbeFlow"]["fields"]>;

/** Runs `found` for the flow in which a server answers a check that is under way. */
export function findProbe(
  maps: BalancerMaps,
  family: Family,
  { flow, now }: { readonly flow: FlowReference; readonly now: Int<"u32"> },
  found: (entry: ProbeFlowReference) => void,
): void {
  maps[family.name].probeFlows.lookup(flow).then((entry) => {
    when(entry.expiresAt.sub(now).sub(1).isNegative().not(), () => found(entry));
  });
}
