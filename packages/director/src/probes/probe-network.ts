// The addresses of checks that go through the data plane: one of the checks' sockets, and one for each server that is
// probed. They are of this machine alone, but for nat, whose servers see the latter as their clients.

import type { FamilyName } from "@yardmaster/dataplane";
import { addressWords } from "@yardmaster/packet";
import { addressText } from "../address.ts";

/** So many addresses at the beginning are left free; the sockets' is one of them. */
const RESERVED = 16;

/** Of one family. */
export interface ProbeNetwork {
  /** Its first address. */
  readonly address: string;
  readonly prefixLength: number;
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
export const PARTS = 8;
const IPV4 = { address: "198.18.0.0", prefixLength: 18, partsBeginAt: 14 } as const;
const IPV6 = { address: "fd79:6172:6400::", prefixLength: 64 } as const;

/** One of the eight networks of a family. */
export function usualNetworks(part: number): ProbeNetworks {
  const [ipv4 = 0] = addressWords(IPV4.address);
  const [high = 0, low = 0] = addressWords(IPV6.address);
  return {
    ipv4: probeNetwork([(ipv4 | (part << IPV4.partsBeginAt)) >>> 0], IPV4.prefixLength),
    ipv6: probeNetwork([high, low + part, 0, 0], IPV6.prefixLength),
  };
}

/** A network of these words. */
export function probeNetwork(words: readonly number[], prefixLength: number): ProbeNetwork {
  const hostBits = Math.min(32, words.length * 32 - prefixLength);
  const address = addressText(words, words.length === 1 ? "ipv4" : "ipv6");
  // The last one is the broadcast address.
  const room = 2 ** Math.min(hostBits, 16) - RESERVED - 1;
  return { address, prefixLength, own: addressAt(address, 1), room };
}

/** The address that stands for the server with this number. */
export function probeAddress({ address }: ProbeNetwork, number: number): string {
  return addressAt(address, RESERVED + number);
}

function addressAt(network: string, offset: number): string {
  const words = addressWords(network);
  const last = ((words.at(-1) ?? 0) + offset) >>> 0;
  return addressText([...words.slice(0, -1), last], words.length === 1 ? "ipv4" : "ipv6");
}

/** The first networks that have none of these addresses; undefined: all do. */
export function freeNetworks(taken: readonly string[]): ProbeNetworks | undefined {
  for (let part = 0; part < PARTS; part++) {
    const networks = usualNetworks(part);
    if (!taken.some((address) => Object.values(networks).some((network) => has(network, address)))) return networks;
  }
  return undefined;
}

/** Whether an address is of a network. */
function has({ address: network, prefixLength }: ProbeNetwork, address: string): boolean {
  const [own, others] = [addressWords(network), addressWords(address)];
  if (own.length !== others.length) return false;
  return own.every((word, index) => {
    const bits = Math.max(0, Math.min(32, prefixLength - 32 * index));
    return bits === 0 || word >>> (32 - bits) === (others[index] ?? 0) >>> (32 - bits);
  });
}
