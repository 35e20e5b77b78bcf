// A workload from numbers: arrivals, durations, clients and destinations, each from its own random numbers, so that
// another rate does not change who the clients are. The same seed gives the same flows.
import { type Random, ipv4ToNumber, seededRandom } from "@yardmaster/packet";
import { type Distribution, exponential } from "./distribution.ts";
import type { Flow, Target } from "./flow.ts";
import type { Popularity } from "./popularity.ts";

/** When connections come: `poisson` independently of each other, `steady` in even steps. */
export const arrivals = ["poisson", "steady"] as const;
export type Arrivals = (typeof arrivals)[number];

/** What to generate. */
export interface Generation {
  /** Connections a second. */
  readonly rate: number;
  readonly arrivals: Arrivals;
  readonly durationMs: number;
  readonly connections: Distribution;
  readonly clients: Popularity;
  readonly destinations: Popularity;
  readonly seed: number;
}

/** Addresses that stand for clients: shared address space (RFC 6598). */
const CLIENT_NETWORK = { address: ipv4ToNumber("100.64.0.0"), bits: 22 };
/** Addresses that stand for many destinations: benchmarks (RFC 2544). */
const DESTINATION_NETWORK = { address: ipv4ToNumber("198.18.0.0"), bits: 17 };
/** The one destination of ordinary services (RFC 5737). */
export const SERVICE = { address: "198.51.100.10", port: 80 } as const;
const FIRST_PORT = 1024;
const PORTS = 65_536 - FIRST_PORT;

/** More than these cannot be told apart by the addresses above. */
export const most = { clients: 1_000_000, destinations: 65_536 } as const;

/** What the service must answer for so that it gets all flows. */
export function generatedTarget({ destinations }: Pick<Generation, "destinations">): Target {
  return destinations.count === 1 ? SERVICE : { address: "198.18.0.0/15", port: SERVICE.port };
}

/** The flows in order of time, until `durationMs`. */
export function* generateFlows(generation: Generation): Generator<Flow> {
  const { rate, durationMs, connections, clients, destinations, seed } = generation;
  const stream = (number: number): Random => seededRandom(seed * 8 + number);
  const [arriving, lasting, choosing, asking, addressing] = [0, 1, 2, 3, 4].map(stream) as [
    Random,
    Random,
    Random,
    Random,
    Random,
  ];
  const clientAddresses = distinctAddresses(CLIENT_NETWORK, clients.count, addressing);
  const isOne = destinations.count === 1;
  const destinationAddresses = isOne
    ? [ipv4ToNumber(SERVICE.address)]
    : distinctAddresses(DESTINATION_NETWORK, destinations.count, addressing);
  const connectionsOf = new Uint32Array(clients.count);
  const gapMs = 1_000 / rate;
  const gap = generation.arrivals === "steady" ? () => gapMs : exponential(gapMs);
  for (let atMs = gap(arriving); atMs < durationMs; atMs += gap(arriving)) {
    const client = clients.draw(choosing);
    const before = connectionsOf[client] ?? 0;
    connectionsOf[client] = before + 1;
    yield {
      atMs,
      client: clientAddresses[client] ?? 0,
      clientPort: FIRST_PORT + (before % PORTS),
      destination: destinationAddresses[destinations.draw(asking)] ?? 0,
      destinationPort: SERVICE.port,
      lastsMs: connections(lasting),
    };
  }
}

/** Addresses without order, as real ones are: hash schedulers would spread neighbours too evenly. */
function distinctAddresses(
  network: { readonly address: number; readonly bits: number },
  count: number,
  random: Random,
): readonly number[] {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(network.address + (random.u32() >>> (32 - network.bits)));
  return [...chosen];
}
