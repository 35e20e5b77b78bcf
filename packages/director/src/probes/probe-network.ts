// The addresses of checks that go through the data plane: one of the checks' sockets, and one for each server that is
// probed. They are of this machine alone, but for nat, whose servers see the latter as their clients.

import type { FamilyName } from "@yardmaster/dataplane";
import { addressWords, formatPrefix, parsePrefix, type Prefix, prefixContains } from "@yardmaster/packet";
import { addressText } from "../address.ts";
import { DirectorError } from "../errors.ts";

/** So many addresses at the beginning are left free; the sockets' is one of them. */
const RESERVED = 16;
/** Servers that can be probed at once, whatever the network. */
const MOST_BITS = 16;

/** Of one family. */
export interface ProbeNetwork {
  readonly prefix: Prefix;
  /** The sockets'. */
  readonly own: string;
  /** How many servers can be probed. */
  readonly room: number;
}

/** The networks of a director. */
export type ProbeNetworks = Readonly<Record<FamilyName, ProbeNetwork>>;

/**
 * Of IPv4: 198.18.0.0/15, which is for tests of devices and routed nowhere (RFC 2544, RFC 6890), in eight parts. Of
 * IPv6: parts of a unique local prefix (RFC 4193) that spells "yard".
 */
const PARTS = Array.from({ length: 8 }, (_, part) => part);
const usual: Readonly<Record<FamilyName, (part: number) => Prefix>> = {
  ipv4: (part) => parsePrefix(`198.${18 + (part >> 2)}.${(part & 3) * 64}.0/18`),
  ipv6: (part) => parsePrefix(`fd79:6172:6400:${part}::/64`),
};

/** Lengths that a network may have: enough room for some servers, and not the half of all addresses. */
export const probePrefixLengths: Readonly<Record<FamilyName, { readonly minimum: number; readonly maximum: number }>> =
  { ipv4: { minimum: 8, maximum: 26 }, ipv6: { minimum: 16, maximum: 112 } };

/**
 * The networks that were asked for, or else the first that have none of these addresses. Throws a DirectorError
 * (YM_CHECK_NETWORK) where one that was asked for has some, or all do.
 */
export function chooseNetworks(asked: readonly string[], taken: readonly string[]): ProbeNetworks {
  const prefixes = asked.map(parsePrefix);
  const choose = (family: FamilyName): ProbeNetwork => {
    const length = family === "ipv4" ? 4 : 16;
    const own = prefixes.filter(({ address }) => address.length === length);
    const others = taken.filter((address) => address.includes(":") === (family === "ipv6"));
    const inUse = (prefix: Prefix) => others.find((address) => prefixContains(prefix, address));
    const candidates = own.length > 0 ? own : PARTS.map(usual[family]);
    const found = candidates.find((prefix) => inUse(prefix) === undefined);
    if (found !== undefined) return probeNetwork(found);
    const [first] = candidates as [Prefix];
    const what =
      own.length > 0 ? formatPrefix(first) : `each of the ${PARTS.length} networks from ${formatPrefix(first)} on`;
    const advice = "name a free one under director.checkNetworks";
    throw new DirectorError(
      "YM_CHECK_NETWORK",
      `${what} has addresses that are in use, such as ${inUse(first) ?? ""}; ${advice}`,
    );
  };
  return { ipv4: choose("ipv4"), ipv6: choose("ipv6") };
}

function probeNetwork(prefix: Prefix): ProbeNetwork {
  const hostBits = Math.min(MOST_BITS, prefix.address.length * 8 - prefix.length);
  // The last one is the broadcast address.
  return { prefix, own: addressAt(prefix, 1), room: 2 ** hostBits - RESERVED - 1 };
}

/** The address that stands for the server with this number. */
export function probeAddress({ prefix }: ProbeNetwork, number: number): string {
  return addressAt(prefix, RESERVED + number);
}

function addressAt({ address }: Prefix, offset: number): string {
  const words = addressWords(address);
  const last = ((words.at(-1) ?? 0) + offset) >>> 0;
  return addressText([...words.slice(0, -1), last], words.length === 1 ? "ipv4" : "ipv6");
}
