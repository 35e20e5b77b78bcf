// Which maps the next data plane takes over from this one: what packets write and connections live by. All others are
// written anew by the control plane.

import type { MapSpec } from "@yardmaster/ebpf";
import type { BalancerMaps } from "./schema.ts";

/** Fields that only count up, by map: what is added to them after a copy was made is added to the copy. */
export const carriedCounters: Readonly<Record<string, readonly string[]>> = {
  loads: [
    ...["connections", "scheduled", "templates"],
    ...["handshakesBegun", "handshakesDone", "handshakesRefused", "synsRepeated"],
  ],
  service_loads: ["halfOpen"],
  paths: ["packetsIn", "bytesIn", "packetsOut", "bytesOut"],
  verdicts: ["packets"],
};

/** Their specifications. */
export function carriedMaps(maps: BalancerMaps): readonly MapSpec[] {
  const { ipv4, ipv6, loads, serviceLoads, paths, verdicts, tallies, localities, localityMembers } = maps;
  const { crossedEnds, localNames } = maps;
  const tables = [ipv4, ipv6].flatMap(({ connections, templates, localFlows }) => [connections, templates, localFlows]);
  const shared = [crossedEnds, localNames, tallies, localities, localityMembers];
  const all = [...tables, ...shared, loads, serviceLoads, paths, verdicts];
  return all.map(({ spec }) => spec as unknown as MapSpec);
}
