// Services of a running director as IPVS would have them, for listings: one row for each, in its order or sorted as
// ipvsadm sorts them.
import type { DestinationStatus, DirectorStatus, ServiceStatus } from "@yardmaster/director";
import { addressBytes, formatAddress } from "@yardmaster/packet";
import { keyText } from "../ipvsadm/import-ipvsadm.ts";
import { familyOf, type ServiceKey } from "../ipvsadm/service.ts";

/** A service and what it is called. */
export interface ServiceView {
  readonly status: ServiceStatus;
  readonly protocol: "TCP" | "UDP" | "FWM";
  readonly family: "ipv4" | "ipv6";
  /** The address, or prefixes, or the mark. */
  readonly address: string;
  /** 0: all. */
  readonly port: number;
  /** Undefined: IPVS has no such service, as one of a prefix. */
  readonly key: ServiceKey | undefined;
  readonly servers: readonly DestinationStatus[];
}

/** All services, in the director's order. A sorry server is listed while it is used. */
export function viewsOf({ services }: Pick<DirectorStatus, "services">): readonly ServiceView[] {
  return services.map(viewOf);
}

function viewOf(status: ServiceStatus): ServiceView {
  const servers = status.servers.filter(({ isSorry, weight }) => isSorry !== true || weight > 0);
  const { match } = status;
  switch (match.kind) {
    case "exact": {
      const { address, port, protocol } = match;
      const key = { protocol, address, port };
      return { status, servers, protocol: upper(protocol), family: familyOf(address), address, port, key };
    }
    case "wide": {
      const [first] = match.prefixes;
      const whole = match.prefixes.length === 1 ? wholeAddress(first) : undefined;
      const port = match.ports === "any" ? 0 : match.ports[0].first;
      const key = whole === undefined || match.ports !== "any" ? undefined : { ...match, address: whole, port };
      return {
        ...{ status, servers, protocol: upper(match.protocol), family: familyOf(first), port },
        address: whole ?? match.prefixes.join(","),
        key: key && { protocol: key.protocol, address: key.address, port },
      };
    }
    case "mark": {
      const family = familyOf(servers[0]?.address ?? match.rules[0].prefix);
      const key = { mark: match.mark, family };
      return { status, servers, protocol: "FWM", family, address: String(match.mark), port: 0, key };
    }
  }
}

/** A prefix that is one address. */
export function wholeAddress(prefix: string): string | undefined {
  const [address = "", length] = prefix.split("/");
  const isWhole = length === undefined || Number(length) === (address.includes(":") ? 128 : 32);
  return isWhole ? formatAddress(address) : undefined;
}

function upper(protocol: "tcp" | "udp"): "TCP" | "UDP" {
  return protocol === "tcp" ? "TCP" : "UDP";
}

/** Whether a view is the service of a key. */
export function isKeyed(view: ServiceView, key: ServiceKey): boolean {
  return view.key !== undefined && keyText(view.key) === keyText(key);
}

const protocolOrder = ["TCP", "UDP", "FWM"];

/** As ipvsadm sorts: marks last, IPv4 before IPv6, then protocol, address, port. */
export function sortViews(views: readonly ServiceView[]): readonly ServiceView[] {
  const rank = ({ protocol, family }: ServiceView) =>
    (protocol === "FWM" ? 100 : 0) + (family === "ipv6" ? 10 : 0) + protocolOrder.indexOf(protocol);
  return views
    .toSorted((a, b) => rank(a) - rank(b) || compareAddresses(a.address, b.address) || a.port - b.port)
    .map((view) => ({ ...view, servers: sortServers(view.servers) }));
}

/** Servers: IPv6 before IPv4, then address and port. */
function sortServers(servers: readonly DestinationStatus[]): readonly DestinationStatus[] {
  const rank = ({ address }: DestinationStatus) => (address.includes(":") ? 0 : 1);
  return servers.toSorted((a, b) => rank(a) - rank(b) || compareAddresses(a.address, b.address) || a.port - b.port);
}

/** Marks are numbers; of lists of prefixes the first counts. */
function compareAddresses(a: string, b: string): number {
  if (/^\d+$/.test(a) && /^\d+$/.test(b)) return Number(a) - Number(b);
  const bytes = (text: string) => addressBytes(text.split(/[/,]/)[0] ?? "");
  return Buffer.compare(bytes(a), bytes(b));
}
