// Hints at work: once a second, what the data plane counts of handshakes is looked through, and checks are told of
// servers that something speaks against. One system call for thousands of servers, and a few comparisons for each;
// nothing where no check goes by hints, since nothing is counted then.

import { hasFeature, Load } from "@yardmaster/dataplane";
import type { Dataplane } from "../kernel/dataplane.ts";
import { eachValue } from "../kernel/each-value.ts";
import { endpointOf, identityOf } from "../live/service.ts";
import { keepGoing, type Rounds } from "../reconcile/rounds.ts";
import { type Handshakes, someOf, suspicion } from "./handshakes.ts";

const ROUND_MS = 1000;
const fields = [
  Load.offsets.handshakesBegun,
  Load.offsets.handshakesDone,
  Load.offsets.handshakesRefused,
  Load.offsets.synsRepeated,
] as const;

/** Takes what speaks against a server, by the identity of its service and its endpoint. */
export type OnHint = (service: string, endpoint: string, hint: string) => void;

/** The hints of one director. */
export class Hinter {
  /** By index of the destination: four counts as they were last, and its SYNs without a handshake. */
  #counts = new Uint32Array(0);
  #unanswered = new Uint32Array(0);

  /** Looks at the counts, and says what has come to speak against a server since the last time. */
  look({ maps: { loads }, plan: { shape }, live }: Dataplane, onHint: OnHint): void {
    if (!hasFeature(shape, "handshakes")) return;
    const isFirst = this.#makeRoom(loads.spec.maxEntries);
    const hints = new Map<number, string>();
    const lookAt = (index: number, view: DataView, at: number): void => {
      const hint = this.#lookAt(index, view, at);
      if (hint !== undefined) hints.set(index, hint);
    };
    eachValue(loads, lookAt, { end: live.destinationEnd });
    // What happened before is old.
    if (isFirst) this.#unanswered.fill(0);
    if (isFirst || hints.size === 0) return;
    const heard = new Map(someOf([...hints], Math.random()));
    for (const { definition, members } of live.services()) {
      for (const member of members) {
        const hint = heard.get(member.index);
        if (hint !== undefined) onHint(identityOf(definition), endpointOf(member.definition), hint);
      }
    }
  }

  /** Looks again and again until `signal` is aborted. */
  keep(current: () => Dataplane, onHint: OnHint, options: Pick<Rounds, "signal" | "report">): Promise<void> {
    const round = (): void => this.look(current(), onHint);
    return keepGoing({ doing: "reading handshakes", pauseMs: ROUND_MS, ...options, round });
  }

  /** What was counted before is unknown where the table is another: a first look compares with nothing. */
  #makeRoom(maximumDestinations: number): boolean {
    if (this.#unanswered.length === maximumDestinations) return false;
    this.#counts = new Uint32Array(fields.length * maximumDestinations);
    this.#unanswered = new Uint32Array(maximumDestinations);
    return true;
  }

  #lookAt(index: number, view: DataView, at: number): string | undefined {
    const first = fields.length * index;
    if (fields.every((offset, which) => view.getUint32(at + offset, true) === this.#counts[first + which]))
      return undefined;
    const counts = this.#counts.subarray(first, first + fields.length);
    const before = handshakesOf(counts);
    for (const [which, offset] of fields.entries()) counts[which] = view.getUint32(at + offset, true);
    const { unanswered, hint } = suspicion(this.#unanswered[index] ?? 0, before, handshakesOf(counts));
    this.#unanswered[index] = unanswered;
    return hint;
  }
}

function handshakesOf([begun = 0, done = 0, refused = 0, repeated = 0]: Uint32Array): Handshakes {
  return { begun, done, refused, repeated };
}
