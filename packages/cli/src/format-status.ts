// A director's snapshot as text, in the spirit of `ipvsadm -Ln --stats`: one table, services with their servers
// below them, both directions where the forwarding method has two; then every way that packets left unforwarded.
import type { DirectorStatus, ServiceStatus } from "@yardmaster/director/api";
import { type Column, formatCount, formatElapsed, formatTable } from "./table.ts";

type Counters = Pick<
  ServiceStatus,
  "activeConnections" | "inactiveConnections" | "connections" | "packetsIn" | "bytesIn"
> &
  Partial<Pick<ServiceStatus, "packetsOut" | "bytesOut">>;

const columns: readonly Column[] = [
  { heading: "SERVICE / SERVER", align: "left" },
  { heading: "METHOD", align: "left" },
  { heading: "WEIGHT", align: "right" },
  { heading: "ACTIVE", align: "right" },
  { heading: "INACTIVE", align: "right" },
  { heading: "TOTAL", align: "right" },
  { heading: "PACKETS IN", align: "right" },
  { heading: "BYTES IN", align: "right" },
  { heading: "PACKETS OUT", align: "right" },
  { heading: "BYTES OUT", align: "right" },
];

/** The text of `yardmaster status`; `nowMs` is Unix time. */
export function formatStatus(status: DirectorStatus, nowMs: number): string {
  const parts = [formatHead(status, nowMs)];
  if (status.services.length > 0) parts.push(formatTable(columns, status.services.flatMap(serviceRows)));
  const verdicts = status.verdicts.filter((verdict) => verdict.packets > 0);
  if (verdicts.length > 0) {
    const rows = verdicts.map(({ verdict, reason, packets }) => [verdict, reason, formatCount(packets)]);
    const headings: readonly Column[] = [
      { heading: "NOT FORWARDED", align: "left" },
      { heading: "REASON", align: "left" },
      { heading: "PACKETS", align: "right" },
    ];
    parts.push(formatTable(headings, rows));
  }
  return parts.join("\n\n");
}

function formatHead(status: DirectorStatus, nowMs: number): string {
  const { entries, maximum, memoryBytes } = status.connectionTable;
  const hooks = status.hooks.map((hook) => `${hook.interfaceName} (${hook.mode} XDP, program ${hook.programId})`);
  const memory = memoryBytes === undefined ? "" : `, ${formatCount(memoryBytes)} bytes`;
  return [
    `yardmaster ${status.version}, pid ${status.pid}, up ${formatElapsed(nowMs - status.startedAtMs)}`,
    `configuration  ${status.configurationFile}`,
    `attached to    ${hooks.length === 0 ? "nothing" : hooks.join(", ")}`,
    `connections    ${formatCount(entries)} of ${formatCount(maximum)} entries${memory}`,
  ].join("\n");
}

function serviceRows(service: ServiceStatus): readonly (readonly string[])[] {
  const title = `${service.name} ${service.protocol} ${service.address}:${service.port} ${service.scheduler}`;
  const servers = service.servers.map((server) => [
    `  -> ${server.address}:${server.port}`,
    server.forwarding,
    formatCount(server.weight),
    ...counterCells(server),
  ]);
  return [[title, service.forwarding, "", ...counterCells(service)], ...servers];
}

function counterCells(counters: Counters): readonly string[] {
  return [
    counters.activeConnections,
    counters.inactiveConnections,
    counters.connections,
    counters.packetsIn,
    counters.bytesIn,
    counters.packetsOut,
    counters.bytesOut,
  ].map(formatCount);
}
