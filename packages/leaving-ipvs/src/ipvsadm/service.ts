// Services and servers in IPVS's terms, as ipvsadm's grammar knows them. Plain data.
import { formatAddress, tryParseAddress } from "@yardmaster/packet";
import type { IpvsMethod } from "../document.ts";

/** What IPVS knows a service by. */
export type ServiceKey =
  | { readonly protocol: "tcp" | "udp"; readonly address: string; readonly port: number }
  | { readonly mark: number; readonly family: "ipv4" | "ipv6" };

/** A virtual service with all its attributes; the words are ipvsadm's. */
export interface IpvsService {
  readonly key: ServiceKey;
  readonly scheduler: string;
  /** Of the scheduler: "sh-port", "mh-fallback" … */
  readonly flags: readonly string[];
  /** 0: not persistent. */
  readonly persistenceS: number;
  /** How many bits of a client's address count for persistence: 0 to 32 or 128. */
  readonly netmaskLength: number;
  /** One-packet scheduling. */
  readonly onePacket: boolean;
}

/** How tun wraps packets. */
export type Tunnel =
  | { readonly kind: "ipip" }
  | { readonly kind: "gue"; readonly port: number; readonly checksum: boolean }
  | { readonly kind: "gre"; readonly checksum: boolean };

/** A real server with all its attributes. */
export interface IpvsServer {
  readonly address: string;
  readonly port: number;
  readonly mode: IpvsMethod;
  /** Of mode tun; plain IP in IP unless given. */
  readonly tunnel?: Tunnel;
  readonly weight: number;
  /** Connections; 0: none. */
  readonly upper: number;
  readonly lower: number;
}

/** Address and port as kernel and ipvsadm write them: "10.2.0.11:80", "[fd00:2::b]:80". */
export function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${formatAddress(address)}]:${port}` : `${address}:${port}`;
}

/** The family of an address in text. */
export function familyOf(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** The family of a service's packets. */
export function familyOfKey(key: ServiceKey): "ipv4" | "ipv6" {
  return "mark" in key ? key.family : familyOf(key.address);
}

/**
 * The length of a netmask given as such ("24") or as an address ("255.255.255.0"); all bits without one. Throws for
 * what is neither, and for masks with holes.
 */
export function netmaskLength(mask: string | number | undefined, family: "ipv4" | "ipv6"): number {
  const bits = family === "ipv4" ? 32 : 128;
  if (mask === undefined) return bits;
  const text = String(mask);
  if (!text.includes(".")) {
    if (!/^\d{1,3}$/.test(text)) throw new Error(`a netmask is "${text}", not a whole number`);
    if (Number(text) <= bits) return Number(text);
    throw new Error(`netmask ${text} has more than ${bits} bits`);
  }
  const bytes = tryParseAddress(text);
  if (bytes === undefined) throw new Error(`netmask ${text} is no address`);
  const digits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  if (!/^1*0*$/.test(digits)) throw new Error(`netmask ${text} has holes`);
  return digits.replace(/0+$/, "").length;
}
