// The reference's local addresses and ports: which one a new connection of full NAT gets. Tries them in the order that
// docs/decisions says; what is taken is told by whoever asks.

import { addressWords } from "@yardmaster/packet";
import { type BalancerPlan, LOCAL_PORT_SEED, LOCAL_PORTS, localAddressesOf, type PortsPlan } from "../plan.ts";
import { familyOf } from "../compiled.ts";

/** One local end. */
export interface LocalEnd {
  readonly address: string;
  readonly port: number;
}

/** Ends that are tried before a connection is refused. */
const PROBES = 128;

const mix = (word: number): number => {
  const once = Math.imul(word, 0x9e37_79b1);
  const twice = Math.imul(once ^ (once >>> 16), 0x85eb_ca6b);
  return (twice ^ (twice >>> 13)) >>> 0;
};

/**
 * The ends that a client's connection may get, in the order in which they are tried; `server`: an address of the
 * server's family, default: the client's.
 */
export function* candidates(
  plan: BalancerPlan,
  client: { readonly source: string; readonly sourcePort: number; readonly destinationPort: number },
  now: number,
  server = client.source,
): Generator<LocalEnd> {
  const addresses = localAddressesOf(plan).filter((address) => familyOf(address) === familyOf(server));
  const { count }: PortsPlan = plan.localPorts ?? LOCAL_PORTS;
  const size = addresses.length * count;
  const words = [...addressWords(client.source), client.sourcePort * 65_536 + client.destinationPort];
  const hash = words.reduce((sum, word) => mix((sum ^ word) >>> 0), (LOCAL_PORT_SEED ^ now) >>> 0);
  const stride = size <= PROBES ? 1 : (mix(hash) % size) | 1;
  for (let round = 0; round < Math.min(size, PROBES); round++) {
    const at = ((hash % size) + round * stride) % size;
    const address = addresses[at % addresses.length] as string;
    yield { address, port: portAt(plan, Math.floor(at / addresses.length)) };
  }
}

/** Ports are counted without those of the gap. */
function portAt({ localPorts = LOCAL_PORTS }: BalancerPlan, number: number): number {
  const { first, gap = { first: 0, count: 0 } }: PortsPlan = localPorts;
  const port = first + number;
  return port < gap.first ? port : port + gap.count;
}

/** How many ends are taken towards servers of the same family as this one. */
export function takenTowards(
  taken: ReadonlyMap<string, { readonly destination: { readonly address: string } }>,
  { address }: { readonly address: string },
): number {
  const family = familyOf(address);
  return [...taken.values()].filter(({ destination }) => familyOf(destination.address) === family).length;
}

/** Whether a port lies in the range that full NAT gives out, its gap left out. */
export function mayBeLocalPort({ localPorts = LOCAL_PORTS }: BalancerPlan, port: number): boolean {
  const { first, count, gap = { first: 0, count: 0 } }: PortsPlan = localPorts;
  const isInGap = port >= gap.first && port < gap.first + gap.count;
  return port >= first && port < first + count + gap.count && !isInGap;
}
