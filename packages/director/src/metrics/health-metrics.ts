// What health checks find and do, as metrics.

import { endpointText } from "../address.ts";
import type { CheckStatus } from "../api/types.ts";
import { latenessBoundsMs } from "../health/check-counts.ts";
import type { HealthTotals } from "../health/health-keeper.ts";
import type { MetricFamily, Sample } from "./exposition.ts";

/** Of each service that is checked, and of all checks together. */
export function healthFamilies({ servers, quorate, ...totals }: HealthTotals, checks: number): MetricFamily[] {
  const checked = countedBy(servers);
  const up = countedBy(servers.filter(({ isUp }) => isUp));
  return [
    {
      ...{ name: "yardmaster_service_servers_up", kind: "gauge", help: "Servers that are up by their checks." },
      samples: quorate.map(({ service }) => ({ labels: { service }, value: up.get(service) ?? 0 })),
    },
    {
      ...{ name: "yardmaster_service_servers_checked", kind: "gauge", help: "Servers that are checked." },
      samples: quorate.map(({ service }) => ({ labels: { service }, value: checked.get(service) ?? 0 })),
    },
    {
      ...{ name: "yardmaster_service_has_quorum", kind: "gauge" },
      help: "1: enough servers are up; 0: the sorry server answers, if there is one.",
      samples: quorate.map(({ service, isQuorate }) => ({ labels: { service }, value: Number(isQuorate) })),
    },
    {
      ...{ name: "yardmaster_checks", kind: "gauge", help: "Health checks at work; those that are shared count once." },
      samples: [{ labels: {}, value: checks }],
    },
    {
      ...{
        name: "yardmaster_check_exchanges",
        kind: "counter",
        help: "Exchanges of health checks, by how they ended.",
      },
      samples: Object.entries(totals.exchanges).map(([outcome, value]) => ({ labels: { outcome }, value })),
    },
    {
      ...{ name: "yardmaster_check_lateness_seconds", kind: "histogram" },
      help: "How long after their time health checks began.",
      samples: [...latenessSamples(totals)],
    },
  ];
}

function countedBy(servers: HealthTotals["servers"]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { service } of servers) counts.set(service, (counts.get(service) ?? 0) + 1);
  return counts;
}

/** Of each server that is checked, and of each of its checks. */
export function checkFamilies({ servers }: HealthTotals, checks: readonly CheckStatus[]): MetricFamily[] {
  const each = (of: (check: CheckStatus) => number | undefined) => ({
    [Symbol.iterator]: () => checkSamples(checks, of),
  });
  return [
    {
      ...{ name: "yardmaster_server_up", kind: "gauge", help: "1: up by all of its checks." },
      samples: servers.map(({ service, server, isUp }) => ({ labels: { service, server }, value: Number(isUp) })),
    },
    {
      ...{ name: "yardmaster_check_up", kind: "gauge", help: "1: up by this check." },
      samples: each(({ isUp }) => Number(isUp)),
    },
    {
      ...{ name: "yardmaster_check_duration_seconds", kind: "gauge" },
      help: "How long the last answer to a check took.",
      samples: each(({ exchanges }) => {
        const { durationMs } = exchanges.at(-1) ?? {};
        return durationMs === undefined ? undefined : durationMs / 1000;
      }),
    },
  ];
}

function* checkSamples(
  checks: readonly CheckStatus[],
  of: (check: CheckStatus) => number | undefined,
): Generator<Sample, void> {
  for (const one of checks) {
    const value = of(one);
    if (value === undefined) continue;
    for (const { service, server } of one.servers) {
      const { check, via, address, port } = one;
      yield { labels: { service, server, check, via, target: endpointText(address, port) }, value };
    }
  }
}

/** Each bucket counts what those below it count, too. */
function* latenessSamples({ lateness, begun, lateMs }: Omit<HealthTotals, "servers" | "quorate">): Generator<Sample> {
  const ending = "_bucket";
  let sum = 0;
  for (const [at, boundMs] of latenessBoundsMs.entries()) {
    sum += lateness[at] ?? 0;
    yield { labels: { le: boundText(boundMs / 1000) }, value: sum, ending };
  }
  yield { labels: { le: "+Inf" }, value: begun, ending };
  yield { labels: {}, value: begun, ending: "_count" };
  yield { labels: {}, value: lateMs / 1000, ending: "_sum" };
}

/** OpenMetrics wants bounds to look like floats. */
function boundText(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}.0` : String(seconds);
}
