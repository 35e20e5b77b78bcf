// Puts what the scenario `tools` has found out in words.
import type { ToolRequests, ToolsMeasurement } from "./tools-report.ts";

const bitsPerGigabit = 1e9;

/** The lines. */
export function toolsLines({ web, names, bulk }: ToolsMeasurement): readonly string[] {
  return [
    ...requestLines("curl asks nginx", web),
    ...requestLines("a resolver asks dnsmasq (UDP)", names),
    ...bulk.map(({ direction, bitsPerSecond, failure }) => {
      const outcome = failure ?? `${(bitsPerSecond / bitsPerGigabit).toFixed(2)} Gbit/s`;
      return `iperf3, TCP in bulk ${direction}: ${outcome}`;
    }),
    "",
  ];
}

function requestLines(what: string, { asked, answered, byServer, logged, loggedAsClient, logLine }: ToolRequests) {
  const shares = Object.entries(byServer)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([server, count]) => `${server} ${count}`);
  return [
    `${what}: ${answered} of ${asked} answered (${shares.join(", ")})`,
    `  their logs: clients' own addresses in ${loggedAsClient} of ${logged} lines`,
    ...(logLine === undefined ? [] : [`  ${logLine}`]),
  ];
}
