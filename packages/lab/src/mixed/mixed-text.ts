// Puts the mixed scenario in plain words: a table of its services and servers, and where the long connections went.
import { textTable } from "../text-table.ts";
import { endedText } from "./judge-mixed.ts";
import type { MixedMeasurement, MixedResult } from "./mixed-report.ts";

const header = ["service", "server", "weight", "promised", "active by status", "open at the server", "verdict"];
/** Columns of words; the others are numbers, which stand to the right. */
const words = new Set([0, 1, header.length - 1]);

/** Lines for the terminal, without indentation. */
export function mixedLines({ services, end }: MixedMeasurement): readonly string[] {
  const rows = [header, ...services.flatMap(serviceRows)];
  const ended = services.flatMap((result) => result.ended);
  return [
    ...services.slice(0, 1).map(whatText),
    "",
    ...textTable(rows, words),
    "",
    "servers that the long connections went to, in order:",
    ...services.map(({ service, traffic }) => `  ${service.scheduler.padEnd(4)} ${orderText(traffic.longServers)}`),
    `answered once more, by the same server, at the end: ${end.stayed} of ${end.long} long connections`,
    `counts when all had ended and the timeouts had passed: ${endedText(ended)}`,
  ];
}

function whatText({ wanted: { long, short } }: MixedResult): string {
  const before = `${short / long} short ones before each, over when it opens`;
  return `each service: ${long} long connections, one after the other; ${before}`;
}

function serviceRows({ service, promised, standing }: MixedResult): readonly (readonly string[])[] {
  return service.destinations.map(({ host, weight }, index) => {
    const { active = 0, open = 0 } = standing[index] ?? {};
    const promise = promised[index] ?? 0;
    const isKept = active === promise && open === promise;
    return [
      index === 0 ? `${service.name} ${service.protocol}/${service.port}` : "",
      host,
      ...[weight, promise, active, open].map(String),
      isKept ? "as promised" : "NOT as promised",
    ];
  });
}

/** `server3 server1` as `3 1`. */
function orderText(servers: readonly string[]): string {
  return servers.map((server) => server.replace(/^server/, "")).join(" ");
}
