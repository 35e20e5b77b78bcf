// What all destinations have counted at one moment, read in a few calls whatever their number, and kept as plain
// numbers: asking the kernel for each would hold up everything else where they are many.

import { Load, Path } from "@yardmaster/dataplane";
import type { Dataplane } from "../kernel/dataplane.ts";
import { inBatches } from "../kernel/each-value.ts";

/** Of a destination's load: 64 and 32 bits wide. */
const WIDE = ["scheduled"] as const;
const NARROW = [
  ...["overloaded", "templates", "clientsUntold"],
  ...["handshakesBegun", "handshakesDone", "handshakesRefused", "synsRepeated"],
] as const satisfies readonly (keyof typeof Load.offsets)[];
/** Of its path, summed over CPUs. */
const TRAFFIC = ["packetsIn", "bytesIn", "packetsOut", "bytesOut"] as const;
/** In this order, as `of` reads them. */
const FIELDS = ["activeConnections", "inactiveConnections", ...WIDE, ...NARROW, ...TRAFFIC] as const;
const WIDTH = FIELDS.length;
const FIRST_TRAFFIC = FIELDS.indexOf(TRAFFIC[0]);

/** What one destination has counted. */
export type Counted = Readonly<Record<(typeof FIELDS)[number], number>>;

/** What they have counted now. */
export class Counters {
  readonly #numbers: Float64Array;

  private constructor(numbers: Float64Array) {
    this.#numbers = numbers;
  }

  /** Reads them, in pieces: each is some milliseconds. */
  static *read({
    maps: { loads, paths },
    live: { destinationEnd: end },
  }: Pick<Dataplane, "maps" | "live">): Generator<void, Counters> {
    const numbers = new Float64Array(end * WIDTH);
    const load = Load.offsets;
    const addLoad = (index: number, view: DataView, at: number): void => {
      let to = index * WIDTH;
      numbers[to++] = view.getUint32(at + load.connections + 4, true);
      numbers[to++] = view.getUint32(at + load.connections, true);
      for (const field of WIDE) numbers[to++] = numberAt(view, at + load[field]);
      for (const field of NARROW) numbers[to++] = view.getUint32(at + load[field], true);
    };
    yield* inBatches(loads, addLoad, { end });
    const offsets = TRAFFIC.map((field) => Path.offsets[field]);
    const addTraffic = (index: number, view: DataView, at: number, size: number): void => {
      // One value after another for each CPU.
      for (let cpu = at; cpu < at + size; cpu += Path.size) {
        for (let field = 0; field < TRAFFIC.length; field++) {
          const to = index * WIDTH + FIRST_TRAFFIC + field;
          numbers[to] = (numbers[to] ?? 0) + numberAt(view, cpu + (offsets[field] ?? 0));
        }
      }
    };
    yield* inBatches(paths, addTraffic, { end });
    return new Counters(numbers);
  }

  /** By its index. */
  of(index: number): Counted {
    const numbers = this.#numbers;
    const first = index * WIDTH;
    const at = (field: number) => numbers[first + field] ?? 0;
    return {
      ...{ activeConnections: at(0), inactiveConnections: at(1), scheduled: at(2) },
      ...{ overloaded: at(3), templates: at(4), clientsUntold: at(5) },
      ...{ handshakesBegun: at(6), handshakesDone: at(7), handshakesRefused: at(8), synsRepeated: at(9) },
      ...{ packetsIn: at(10), bytesIn: at(11), packetsOut: at(12), bytesOut: at(13) },
    };
  }
}

/** 64 bits, little-endian, as two halves: a bigint for each counter would be most of the work. */
function numberAt(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
