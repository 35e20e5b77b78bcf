// The network around the recorded director: links, addresses and MACs, who is reached which way, and how endpoints are
// written. The one place that knows these constants; network.ts builds the network from them.
import { formatAddress, formatMac, parseAddress, parsePrefix, prefixContains } from "@yardmaster/packet";

/** The client's link and the servers' link. */
export type Side = "c" | "s";

export const sides: readonly Side[] = ["c", "s"];

/** The director's end of each link. */
export const links = {
  c: { name: "c1", mac: "02:00:00:01:00:01", addresses: ["10.1.0.1", "fd00:1::1"] },
  s: { name: "s1", mac: "02:00:00:02:00:01", addresses: ["10.2.0.1", "fd00:2::1"] },
} as const;

/** Everything that is not on the servers' side is behind this router. */
export const clientRouter = { mac: "02:00:00:01:00:02", addresses: ["10.1.0.2", "fd00:1::2"] } as const;

/** Addresses of services, local to the director. */
export const virtualAddresses = ["10.3.0.1", "10.3.0.2", "10.3.0.3", "fd00:3::1"] as const;

/** What is the director's own. */
export const directorAddresses: ReadonlySet<string> = new Set([
  ...sides.flatMap((side) => links[side].addresses),
  ...virtualAddresses,
]);

const serverNetworks = [parsePrefix("10.2.0.0/24"), parsePrefix("fd00:2::/64")];

/** Real servers are 10.2.0.K and fd00:2::K with the MAC 02:00:00:02:01:K, from this K to that. */
export const serverNumbers = { first: 11, last: 250 } as const;

/** The MAC address of real server number K, its address's last byte. */
export function serverMac(number: number): string {
  return formatMac(Uint8Array.of(2, 0, 0, 2, 1, number));
}

/** Address and port as kernel and ipvsadm write them: "10.2.0.11:80", "[fd00:2::b]:80". */
export function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${formatAddress(address)}]:${port}` : `${address}:${port}`;
}

/** The address and port of an endpoint text; throws when it is none. */
export function parseEndpoint(text: string): { readonly address: string; readonly port: number } {
  const [, ipv6, ipv4, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = ipv6 ?? ipv4;
  if (address === undefined || Number(port) > 65535) throw new Error(`"${text}" is no address with a port`);
  return { address: formatAddress(parseAddress(address)), port: Number(port) };
}

export function familyOf(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** The way a packet for that address leaves the director. */
export function wayTo(address: string): { readonly side: Side; readonly source: string; readonly destination: string } {
  const number = serverNumber(address);
  if (number === undefined) return { side: "c", source: links.c.mac, destination: clientRouter.mac };
  return { side: "s", source: links.s.mac, destination: serverMac(number) };
}

/** The last byte of an address of the servers' subnets, or undefined for one from elsewhere. */
function serverNumber(address: string): number | undefined {
  const bytes = parseAddress(address);
  return serverNetworks.some((network) => prefixContains(network, bytes)) ? bytes.at(-1) : undefined;
}

/** The address of the real server with that MAC, or undefined when no server has it. */
export function addressOfServer(mac: string, family: "ipv4" | "ipv6"): string | undefined {
  if (!mac.startsWith("02:00:00:02:01:")) return undefined;
  const digits = mac.slice(-2);
  const number = Number.parseInt(digits, 16);
  return family === "ipv4" ? `10.2.0.${number}` : formatAddress(`fd00:2::${digits}`);
}
