// How many servers are shown: each by itself where they are few, groups of like ones where they are many.
import { describeServer } from "../settings/servers.ts";
import type { ReportedServer } from "./report.ts";

/** Servers that are shown as one. */
export interface Series {
  readonly label: string;
  readonly indexes: readonly number[];
}

/** At most `most` series of these servers. */
export function seriesOf(servers: readonly ReportedServer[], most: number): readonly Series[] {
  const about = (server: ReportedServer): string =>
    describeServer({ ...server, workers: server.workers ?? Number.POSITIVE_INFINITY });
  if (servers.length <= most) {
    return servers.map((server, index) => ({ label: `${server.name}: ${about(server)}`, indexes: [index] }));
  }
  const groups = new Map<string, number[]>();
  servers.forEach((server, index) => groups.set(about(server), [...(groups.get(about(server)) ?? []), index]));
  if (groups.size > most) return [{ label: `${servers.length} servers`, indexes: servers.map((_, index) => index) }];
  return [...groups].map(([label, indexes]) => ({ label: `${indexes.length} × ${label}`, indexes }));
}
