// A director's snapshot as text, in the spirit of `ipvsadm -Ln --stats`: one table, services with their servers
// below them, both directions where the forwarding method has two; then every way that packets left unforwarded.
import type { DestinationStatus, DirectorStatus, Hint, ServiceStatus, TrafficCounters } from "@yardmaster/director/api";
import { type Column, formatCount, formatElapsed, formatTable } from "./table.ts";

/** A column of the table: what stands there of a service and of its servers. */
interface StatusColumn extends Column {
  /** Columns for what only some use are left out where no service does. */
  readonly isUsedBy?: (service: ServiceStatus) => boolean;
  readonly ofService: (service: ServiceStatus) => string;
  readonly ofServer: (server: DestinationStatus, service: ServiceStatus) => string;
}

const counted = (heading: string, field: keyof TrafficCounters): StatusColumn => ({
  heading,
  align: "right",
  ofService: (service) => formatCount(service[field]),
  ofServer: (server) => formatCount(server[field]),
});

const columns: readonly StatusColumn[] = [
  {
    heading: "SERVICE / SERVER",
    align: "left",
    ofService: serviceTitle,
    ofServer: serverTitle,
  },
  {
    heading: "METHOD",
    align: "left",
    ofService: ({ forwarding }) => forwarding,
    ofServer: methodOf,
  },
  { heading: "WEIGHT", align: "right", ofService: () => "", ofServer: ({ weight }) => formatCount(weight) },
  {
    heading: "THRESHOLDS",
    align: "left",
    isUsedBy: ({ servers }) => servers.some(({ upperThreshold }) => upperThreshold > 0),
    ofService: () => "",
    ofServer: thresholdsOf,
  },
  counted("ACTIVE", "activeConnections"),
  counted("INACTIVE", "inactiveConnections"),
  {
    heading: "CLIENTS",
    align: "right",
    isUsedBy: ({ persistence }) => persistence !== undefined,
    ofService: (service) => clientsOf(service, service),
    ofServer: clientsOf,
  },
  {
    heading: "LOCAL PORTS",
    align: "right",
    isUsedBy: ({ servers }) => servers.some(({ localPorts }) => localPorts !== undefined),
    ofService: () => "",
    ofServer: ({ localPorts }) =>
      localPorts === undefined ? "" : `${formatCount(localPorts.inUse)} of ${formatCount(localPorts.maximum)}`,
  },
  {
    // Connections whose server answered before any packet could tell it who the client is.
    heading: "UNTOLD",
    align: "right",
    isUsedBy: ({ servers }) => servers.some(({ clientsUntold = 0 }) => clientsUntold > 0),
    ofService: () => "",
    ofServer: ({ clientsUntold }) => formatCount(clientsUntold),
  },
  counted("TOTAL", "connections"),
  counted("PACKETS IN", "packetsIn"),
  counted("BYTES IN", "bytesIn"),
  counted("PACKETS OUT", "packetsOut"),
  counted("BYTES OUT", "bytesOut"),
];

/** The text of `yardmaster status`; `nowMs` is Unix time. */
export function formatStatus(status: DirectorStatus, nowMs: number): string {
  const parts = [formatHead(status, nowMs)];
  if (status.services.length > 0) parts.push(formatServices(status.services));
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
  if (status.hints.length > 0) parts.push(["HINTS", ...status.hints.map(formatHint)].join("\n"));
  return parts.join("\n\n");
}

/** Reason, evidence and remedy, a line each. */
function formatHint({ severity, service, server, message, evidence, hint }: Hint): string {
  return `${severity}: ${service} -> ${server}: ${message}\n  seen: ${evidence}\n  do: ${hint}`;
}

function formatHead(status: DirectorStatus, nowMs: number): string {
  const { entries, maximum, memoryBytes } = status.connectionTable;
  const hooks = status.hooks.map(
    (hook) => `${hook.interfaceName} (${hook.mode === "tc" ? "tc" : `${hook.mode} XDP`}, program ${hook.programId})`,
  );
  const { name = "default" } = status.instance ?? {};
  const instance = name === "default" ? "" : `, instance ${name}`;
  const memory = memoryBytes === undefined ? "" : `, ${formatCount(memoryBytes)} bytes`;
  return [
    `yardmaster ${status.version}${instance}, pid ${status.pid}, up ${formatElapsed(nowMs - status.startedAtMs)}`,
    `configuration  ${status.configurationFile}`,
    ...formatChange(status, nowMs),
    `attached to    ${hooks.length === 0 ? "nothing" : hooks.join(", ")}`,
    `connections    ${formatCount(entries)} of ${formatCount(maximum)} entries${memory}`,
  ].join("\n");
}

/** Which change made the configuration what it is, and whether it stays. */
function formatChange({ lastChange, unconfirmed }: DirectorStatus, nowMs: number): readonly string[] {
  return [
    ...(lastChange === undefined
      ? []
      : [`last change    ${lastChange.cause}, ${formatElapsed(nowMs - lastChange.atMs)} ago`]),
    ...(unconfirmed === undefined
      ? []
      : [`not confirmed  taken back in ${formatElapsed(unconfirmed.untilMs - nowMs)} without \`yardmaster confirm\``]),
  ];
}

function formatServices(services: readonly ServiceStatus[]): string {
  const used = columns.filter(({ isUsedBy }) => isUsedBy === undefined || services.some(isUsedBy));
  const rows = services.flatMap((service) => [
    used.map(({ ofService }) => ofService(service)),
    ...notesOf(service).map((note) => [`     ${note}`]),
    ...service.servers.map((server) => used.map(({ ofServer }) => ofServer(server, service))),
  ]);
  return formatTable(used, rows);
}

/** A server in the line of its own. */
export function serverTitle({ address, port }: DestinationStatus): string {
  return `  -> ${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** Name, which packets, scheduler with its options, as `ipvsadm -L` has it. */
export function serviceTitle({ name, matchText, scheduler, schedulerOptions }: ServiceStatus): string {
  const options = schedulerOptions.length === 0 ? "" : ` (${schedulerOptions.join(",")})`;
  return `${name} ${matchText} ${scheduler}${options}`;
}

/** What else distinguishes a service; a line, if there is anything. */
function notesOf({ persistence, onePacket, caps }: ServiceStatus): readonly string[] {
  const notes = [
    ...(persistence === undefined ? [] : [`persistent ${persistence.timeoutMs / 1000}s/${persistence.maskBits}`]),
    ...(onePacket ? ["one-packet"] : []),
    ...(caps.newPerSecond === 0 ? [] : [`${formatCount(caps.newPerSecond)} new/s at most`]),
    ...(caps.halfOpen === 0 ? [] : [`${formatCount(caps.halfOpen)} half-open at most`]),
  ];
  return notes.length === 0 ? [] : [notes.join(", ")];
}

/** "nat", "tun (gue:6080)", "fullnat (toa)": the method with its parameters. */
function methodOf({ forwarding, encapsulation, clientAddress }: DestinationStatus): string {
  const port = encapsulation?.kind === "gue" ? `:${encapsulation.port}` : "";
  const checksum = encapsulation !== undefined && encapsulation.kind !== "ipip" && encapsulation.checksum ? "+c" : "";
  const detail = encapsulation === undefined ? clientAddress : `${encapsulation.kind}${port}${checksum}`;
  return detail === undefined || detail === "none" ? forwarding : `${forwarding} (${detail})`;
}

/** "1,000/800", and whether the server has reached the upper one. */
function thresholdsOf({ upperThreshold, lowerThreshold, overloaded }: DestinationStatus): string {
  if (upperThreshold === 0) return "-";
  return `${formatCount(upperThreshold)}/${formatCount(lowerThreshold)}${overloaded ? " overloaded" : ""}`;
}

function clientsOf({ persistentClients }: TrafficCounters, { persistence }: ServiceStatus): string {
  return formatCount(persistence === undefined ? undefined : persistentClients);
}
