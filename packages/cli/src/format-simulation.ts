// The result of a simulation as text for people: schedulers beside each other, then what servers had under each.
import type { SchedulerResult, ServerResult, SimulationReport } from "@yardmaster/simulate";
import { describeWorkload, formatLoad, formatShare, formatTime, seriesOf } from "@yardmaster/simulate";
import { type Column, formatCount, formatTable } from "./table.ts";

/** Servers that have a column each; of more, like ones share one. */
const MOST_COLUMNS = 8;

/** The whole text. */
export function formatSimulation(report: SimulationReport): string {
  const { settings, warmUpMs, withoutBegin, results } = report;
  const isUdp = settings.protocol === "udp";
  return [
    describeWorkload(settings),
    `servers: ${settings.servers}`,
    ...(withoutBegin === 0 ? [] : [`left out: ${withoutBegin} connections whose begin the capture does not show`]),
    "",
    formatSchedulers(results),
    "",
    `${isUdp ? "FLOWS UNDER WAY" : "ACTIVE CONNECTIONS"} OF A SERVER, MEAN (MOST)`,
    formatServers(report, (servers) => {
      const levels = servers.map(({ open, active }) => (isUdp ? open : active));
      const mean = levels.reduce((sum, level) => sum + level.mean, 0) / levels.length;
      return `${formatLoad(mean)} (${Math.max(...levels.map(({ most }) => most))})`;
    }),
    "",
    "SHARE OF CONNECTIONS (WHAT THE WEIGHT STANDS FOR)",
    formatServers(report, (servers) => {
      const share = servers.reduce((sum, server) => sum + server.share, 0);
      const byWeight = servers.reduce((sum, server) => sum + server.shareByWeight, 0);
      return `${formatShare(share)} (${formatShare(byWeight)})`;
    }),
    "",
    `imbalance: the busiest server's ${isUdp ? "flows" : "active connections"} for its weight against all servers' ` +
      "for theirs; 1 is even",
    `took: from a connection's begin to its end; the first ${formatTime(warmUpMs)} count for neither`,
    ...best(results),
  ].join("\n");
}

function formatSchedulers(results: readonly SchedulerResult[]): string {
  const hasCaches = results.some(({ hitRate }) => hitRate !== null);
  const hasBroken = results.some(({ broken }) => broken > 0);
  const columns: readonly Column[] = [
    { heading: "SCHEDULER", align: "left" },
    ...["CONNECTIONS", "REFUSED", "IMBALANCE", "WORST", "TOOK (MEAN)", "HALF IN", "99 % IN"].map(right),
    ...(hasCaches ? [right("HIT RATE")] : []),
    ...(hasBroken ? [right("BROKEN")] : []),
  ];
  const rows = results.map((result) => [
    result.scheduler,
    formatCount(result.connections),
    formatCount(result.refused),
    result.imbalance === null ? "-" : result.imbalance.mean.toFixed(2),
    result.imbalance === null ? "-" : result.imbalance.most.toFixed(2),
    ...(result.took === null
      ? ["-", "-", "-"]
      : [result.took.meanMs, result.took.p50Ms, result.took.p99Ms].map(formatTime)),
    ...(hasCaches ? [result.hitRate === null ? "-" : formatShare(result.hitRate)] : []),
    ...(hasBroken ? [formatCount(result.broken)] : []),
  ]);
  return formatTable(columns, rows);
}

function formatServers(report: SimulationReport, cell: (servers: readonly ServerResult[]) => string): string {
  const series = seriesOf(report.servers, MOST_COLUMNS);
  const columns = [{ heading: "SCHEDULER", align: "left" } as const, ...series.map(({ label }) => right(label))];
  const rows = report.results.map(({ scheduler, servers }) => [
    scheduler,
    ...series.map(({ indexes }) => cell(servers.filter((_, index) => indexes.includes(index)))),
  ]);
  return formatTable(columns, rows);
}

/** Which scheduler did best in what, where there was a choice. */
function best(results: readonly SchedulerResult[]): readonly string[] {
  if (results.length < 2) return [];
  const least = (what: string, measure: (result: SchedulerResult) => number | undefined): readonly string[] => {
    const measured = results.flatMap((result) => {
      const value = measure(result);
      return value === undefined ? [] : [{ name: result.scheduler, value }];
    });
    const lowest = Math.min(...measured.map(({ value }) => value));
    const names = measured.filter(({ value }) => value <= lowest * 1.01 + 1e-9).map(({ name }) => name);
    return names.length === 0 || names.length === results.length ? [] : [`${what}: ${names.join(", ")}`];
  };
  const found = [
    ...least("most even", ({ imbalance }) => imbalance?.mean),
    ...least("quickest", ({ took }) => took?.meanMs),
    ...least("best use of caches", ({ hitRate }) => (hitRate === null ? undefined : 1 - hitRate)),
  ];
  return found.length === 0 ? [] : ["", found.join("; ")];
}

function right(heading: string): Column {
  return { heading, align: "right" };
}
