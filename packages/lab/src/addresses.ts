// The lab's networks and the addresses in them, in both families alike: the same number stands behind the same prefix,
// so that 198.51.100.10 and 2001:db8:100::10 are one host's. Documentation addresses (RFC 5737, RFC 3849), and private
// ones for the inside network (RFC 1918, RFC 4193).
import { LabError } from "./lab-error.ts";

/** The address families that a lab can be built in. */
export const labFamilies = ["ipv4", "ipv6"] as const;

/** One of them. */
export type LabFamily = (typeof labFamilies)[number];

/** The networks: where clients are, where the director is outside, where services are, where servers are inside. */
const networks = {
  clients: { ipv4: "203.0.113.", ipv6: "2001:db8:113::" },
  outside: { ipv4: "192.0.2.", ipv6: "2001:db8:2::" },
  services: { ipv4: "198.51.100.", ipv6: "2001:db8:100::" },
  inside: { ipv4: "10.0.0.", ipv6: "fd00:10::" },
} as const;

/** One of the networks. */
export type NetworkName = keyof typeof networks;

/** As many client addresses as one lab has room for. */
const maximumClients = 200;
const firstClient = 10;

/** Address `number` (1 to 254) of a network; in IPv6 the number's digits stand for themselves: 10 is `::10`. */
export function addressIn(network: NetworkName, family: LabFamily, number: number): string {
  return `${networks[network][family]}${number}`;
}

/** An address with the prefix length that all of the lab's networks have, as `ip address add` takes it. */
export function withPrefix(address: string): string {
  return `${address}${familyOf(address) === "ipv4" ? "/24" : "/64"}`;
}

/** The network itself: `203.0.113.0/24`, `2001:db8:113::/64`. */
export function networkPrefix(network: NetworkName, family: LabFamily): string {
  return family === "ipv4" ? `${networks[network].ipv4}0/24` : `${networks[network].ipv6}/64`;
}

/** An address as a network of its own: `/32` or `/128` behind it. */
export function alone(address: string): string {
  return `${address}${familyOf(address) === "ipv4" ? "/32" : "/128"}`;
}

/** The family of an address as text. */
export function familyOf(address: string): LabFamily {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** An address and a port as one text; an IPv6 address stands in brackets (RFC 3986 §3.2.2). */
export function endpointText({ address, port }: { readonly address: string; readonly port: number }): string {
  return familyOf(address) === "ipv4" ? `${address}:${port}` : `[${address}]:${port}`;
}

/** Client addresses, number 10 and on. Throws YM_LAB_OPTIONS for more than 200. */
export function clientAddresses(family: LabFamily, count: number): readonly string[] {
  if (!Number.isInteger(count) || count < 1 || count > maximumClients) {
    const what = `${count} is no possible number of client addresses`;
    throw new LabError("YM_LAB_OPTIONS", `laying out the lab: ${what}; choose 1 to ${maximumClients}`);
  }
  return Array.from({ length: count }, (_, index) => addressIn("clients", family, firstClient + index));
}
