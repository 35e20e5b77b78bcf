// What `ipvsadm -L` and `-S` print, to the letter: formats heard from ipvsadm 1.31 (IPVS 1.2.1).
import type {
  ConnectionRow,
  DestinationStatus,
  DirectorStatus,
  TrafficCounters,
  TrafficRates,
} from "@yardmaster/director";
import type { Listing } from "../ipvsadm/command.ts";
import type { ServiceKey } from "../ipvsadm/service.ts";
import { IpvsadmRefusal } from "../ipvsadm/words.ts";
import { isKeyed, type ServiceView, sortViews, viewsOf } from "./view.ts";

/** The name of a port, where it is to be shown by name and has one. */
export type PortName = (port: number, protocol: "tcp" | "udp") => string | undefined;

type Columns = Listing["columns"];

/** Lines of the head after the first one; their spaces are ipvsadm's. */
const heads: Readonly<Record<Columns, readonly [string, string]>> = {
  usual: [
    "Prot LocalAddress:Port Scheduler Flags",
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
  ],
  stats: ["Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes", "  -> RemoteAddress:Port"],
  rate: ["Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS", "  -> RemoteAddress:Port"],
  thresholds: [
    "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
    "  -> RemoteAddress:Port",
  ],
  "persistent-conn": [
    "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
    "  -> RemoteAddress:Port",
  ],
  "tun-info": [
    "Prot LocalAddress:Port Scheduler Flags",
    "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn",
  ],
};

const forwardWords: Readonly<Record<string, string>> = { nat: "Masq", dr: "Route", tun: "Tunnel", fullnat: "FullNat" };
const forwardLetters: Readonly<Record<string, string>> = { nat: "-m", dr: "-g", tun: "-i", fullnat: "-m" };

/** A listing of services. Throws IpvsadmRefusal where one is asked for that is not there. */
export function formatServices(status: DirectorStatus, listing: Listing, portName: PortName): readonly string[] {
  const { columns, key } = listing;
  const found = selected(viewsOf(status), key);
  const views = listing.isSorted ? sortViews(found) : found;
  const first = `IP Virtual Server version 1.2.1 (size=${status.connectionTable.maximum})`;
  const rows = views.flatMap((view) => {
    const name = portNameOf(view, listing.isNumeric ? () => undefined : portName);
    const servers = view.servers.map((server) => serverRow(view, server, listing, name));
    return [serviceRow(view, listing, name), ...servers];
  });
  return [...(key === undefined ? [first] : []), ...heads[columns], ...rows];
}

function selected(views: readonly ServiceView[], key: ServiceKey | undefined): readonly ServiceView[] {
  if (key === undefined) return views;
  const found = views.filter((view) => isKeyed(view, key));
  if (found.length === 0) throw new IpvsadmRefusal(1, "No such service");
  return found;
}

type NameOfPort = (port: number) => string;

/** Servers of marks have numbers always: nobody knows their protocol. */
function portNameOf({ protocol }: ServiceView, portName: PortName): NameOfPort {
  if (protocol === "FWM") return String;
  const word = protocol === "TCP" ? "tcp" : "udp";
  return (port) => (port === 0 ? undefined : portName(port, word)) ?? String(port);
}

function endpoint(address: string, port: number, name: NameOfPort): string {
  return address.includes(":") ? `[${address}]:${name(port)}` : `${address}:${name(port)}`;
}

function serviceName(view: ServiceView, name: NameOfPort): string {
  if (view.protocol === "FWM") return `${view.address}${view.family === "ipv6" ? " IPv6" : ""}`;
  return endpoint(view.address, view.port, name);
}

function serviceRow(view: ServiceView, { columns, isExact }: Listing, name: NameOfPort): string {
  const start = `${view.protocol.padEnd(4)} ${serviceName(view, name)}`;
  const { status } = view;
  if (columns === "stats") return `${start.padEnd(33)}${counts(status, isExact)}`;
  if (columns === "rate") return `${start.padEnd(33)}${rates(status.perSecond, isExact)}`;
  const flags = status.schedulerOptions.length === 0 ? "" : ` (${status.schedulerOptions.join(",")})`;
  const mask = maskText(view);
  const persistent =
    status.persistence === undefined
      ? ""
      : ` persistent ${seconds(status.persistence.timeoutMs)}${mask === undefined ? "" : ` mask ${mask}`}`;
  return `${start} ${status.scheduler}${flags}${persistent}${status.onePacket ? " ops" : ""}`;
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** Of IPv4 as an address, of IPv6 as a number of bits; undefined where it is whole. */
function maskText({ status: { persistence }, family }: ServiceView): string | undefined {
  if (persistence === undefined || persistence.maskBits === (family === "ipv4" ? 32 : 128)) return undefined;
  if (family === "ipv6") return String(persistence.maskBits);
  const bits = "1".repeat(persistence.maskBits).padEnd(32, "0");
  return [0, 8, 16, 24].map((at) => Number.parseInt(bits.slice(at, at + 8), 2)).join(".");
}

function serverRow(view: ServiceView, server: DestinationStatus, listing: Listing, name: NameOfPort): string {
  const start = `  -> ${endpoint(server.address, portOf(view, server), name)}`;
  const { activeConnections: active, inactiveConnections: inactive, weight } = server;
  const cells = (...parts: readonly (readonly [string | number, number])[]) =>
    `${start.padEnd(33)} ${parts.map(([text, width]) => String(text).padEnd(width)).join(" ")}`;
  const both = [
    [active, 10],
    [inactive, 10],
  ] as const;
  const forward = forwardWords[server.forwarding] ?? server.forwarding;
  switch (listing.columns) {
    case "stats":
      return `${start.padEnd(33)}${counts(server, listing.isExact)}`;
    case "rate":
      return `${start.padEnd(33)}${rates(server.perSecond, listing.isExact)}`;
    case "thresholds":
      return cells([server.upperThreshold, 10], [server.lowerThreshold, 10], ...both);
    case "persistent-conn":
      return cells([weight, 9], [server.persistentClients, 11], ...both);
    case "tun-info":
      return cells([forward, 7], [tunnelText(server), 13], [weight, 6], ...both);
    case "usual":
      return cells([forward, 7], [weight, 6], ...both);
  }
}

/** A server that maps no ports has the service's. */
function portOf(view: ServiceView, server: DestinationStatus): number {
  return server.port === 0 ? view.port : server.port;
}

function tunnelText({ encapsulation }: DestinationStatus): string {
  if (encapsulation === undefined) return "n/a";
  if (encapsulation.kind === "ipip") return "ipip";
  const checksum = encapsulation.checksum ? "+c" : "-c";
  return encapsulation.kind === "gue" ? `gue:${encapsulation.port}:${checksum}` : `gre:${checksum}`;
}

type Form = boolean;
type Zeroable = Pick<DestinationStatus, "zeroed">;

/** Since the last `-Z`. */
function counts({ zeroed, ...counted }: TrafficCounters & Zeroable, isExact: Form): string {
  const columns = ["connections", "packetsIn", "packetsOut", "bytesIn", "bytesOut"] as const;
  const since = columns.map((column) => Math.max(0, (counted[column] ?? 0) - (zeroed?.[column] ?? 0)));
  return since.map((value) => largeNumber(value, isExact)).join("");
}

const nothing: TrafficRates = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };

function rates(perSecond: TrafficRates | undefined, isExact: Form): string {
  const { connections, packetsIn, packetsOut, bytesIn, bytesOut } = perSecond ?? nothing;
  const values = [connections, packetsIn, packetsOut, bytesIn, bytesOut];
  return values.map((value) => largeNumber(Math.trunc(value), isExact)).join("");
}

/** Units of large numbers, and below how much each is used. */
const units = [
  { below: 1e8, divisor: 1, letter: "" },
  { below: 1e9, divisor: 1e3, letter: "K" },
  { below: 1e11, divisor: 1e6, letter: "M" },
  { below: 1e14, divisor: 1e9, letter: "G" },
  { below: Number.POSITIVE_INFINITY, divisor: 1e12, letter: "T" },
] as const;

/** Nine columns; `--exact` has all digits instead of a unit. */
function largeNumber(value: number, isExact: boolean): string {
  const unit = isExact ? units[0] : (units.find(({ below }) => value < below) ?? units[4]);
  const text = `${Math.trunc(value / unit.divisor)}${unit.letter}`;
  return text.padStart(Math.max(9, text.length + 1));
}

/** The rules that make these services again: `ipvsadm -S`. Thresholds are not among them, as in ipvsadm 1.31. */
export function formatRules(status: DirectorStatus, portName: PortName): readonly string[] {
  return sortViews(viewsOf(status)).flatMap((view) => {
    const name = portNameOf(view, portName);
    const letter = view.protocol === "FWM" ? "f" : view.protocol === "TCP" ? "t" : "u";
    const mark = view.family === "ipv6" ? `${view.address} -6` : view.address;
    const service = `-${letter} ${view.protocol === "FWM" ? mark : serviceName(view, name)}`;
    return [serviceRule(view, service), ...view.servers.map((server) => serverRule(view, server, service, name))];
  });
}

function serviceRule(view: ServiceView, service: string): string {
  const { scheduler, schedulerOptions, persistence, onePacket } = view.status;
  const mask = maskText(view);
  return [
    `-A ${service} -s ${scheduler}`,
    ...(persistence === undefined ? [] : [`-p ${seconds(persistence.timeoutMs)}`]),
    ...(mask === undefined ? [] : [`-M ${mask}`]),
    ...(onePacket ? ["-o"] : []),
    ...(schedulerOptions.length === 0 ? [] : [`-b ${schedulerOptions.join(",")}`]),
  ].join(" ");
}

function serverRule(view: ServiceView, server: DestinationStatus, service: string, name: NameOfPort): string {
  const { encapsulation } = server;
  const method = forwardLetters[server.forwarding] ?? "-g";
  const destination = endpoint(server.address, portOf(view, server), name);
  const start = `-a ${service} -r ${destination} ${method} -w ${server.weight}`;
  if (encapsulation === undefined) return start;
  const port = encapsulation.kind === "gue" ? ` --tun-port ${encapsulation.port}` : "";
  const checksum = encapsulation.kind === "ipip" ? "" : encapsulation.checksum ? " --tun-csum" : " --tun-nocsum";
  return `${start} --tun-type ${encapsulation.kind}${port}${checksum}`;
}

/** A listing of the connection table, in its order. */
export function formatConnections(
  rows: readonly ConnectionRow[],
  { hasEngineColumns, isNumeric }: Listing,
  portName: PortName,
) {
  const head = "pro expire state       source             virtual            destination";
  return [
    "IPVS connection entries",
    hasEngineColumns ? `${head}        pe name          pe_data` : head,
    ...rows.map((row) => connectionRow(row, isNumeric ? () => undefined : portName)),
  ];
}

function connectionRow(row: ConnectionRow, portName: PortName): string {
  const left = Math.floor(row.expiresInMs / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const protocol = row.protocol === "any" ? "IP" : row.protocol.toUpperCase();
  const named = (text: string) => withPortName(text, row.protocol, portName).padEnd(18);
  const virtual = row.virtual.startsWith("mark ") ? markEndpoint(Number(row.virtual.slice(5))) : row.virtual;
  const expire = `${two(Math.floor(left / 60))}:${two(left % 60)}`;
  const places = `${named(row.client)} ${named(virtual)} ${named(row.destination).trimEnd()}`;
  return `${protocol.padEnd(3)} ${expire}  ${row.state.padEnd(11)} ${places}`;
}

/** The kernel keeps the mark in the place of an address. */
function markEndpoint(mark: number): string {
  return `${[24, 16, 8, 0].map((shift) => (mark >>> shift) & 255).join(".")}:0`;
}

function withPortName(text: string, protocol: ConnectionRow["protocol"], portName: PortName): string {
  const [, address = "", port = ""] = /^(.*):(\d+)$/.exec(text) ?? [];
  if (protocol === "any" || port === "0" || port === "") return text;
  return `${address}:${portName(Number(port), protocol) ?? port}`;
}
