// Full NAT's pools in the map of local addresses: each list of addresses stands there once, however many destinations
// send from it. Programs take a pool over as one word of the destination's record; connections keep what they have.

import { type FamilyName, MAXIMUM_LOCAL_ADDRESSES } from "@yardmaster/dataplane";
import { familyOf, paddedWords } from "../address.ts";
import type { LiveMaps } from "../kernel/live-maps.ts";
import { NeedsProgramError } from "./fits.ts";
import type { Transaction } from "./transaction.ts";

/** Where a list of addresses stands. */
interface Span {
  readonly key: string;
  readonly first: number;
  readonly count: number;
}

/** The pools in use. */
export class LocalPools {
  readonly #map: LiveMaps["localAddresses"];
  /** By the index of the destination. */
  readonly #spans = new Map<number, Span>();

  constructor({ localAddresses }: Pick<LiveMaps, "localAddresses">) {
    this.#map = localAddresses;
  }

  /** The word of a destination's record for the addresses of its family among these; 0: none. */
  take(transaction: Transaction, destination: number, family: FamilyName, all: readonly string[]): bigint {
    const addresses = all.filter((address) => familyOf(address) === family);
    const key = addresses.join(" ");
    const known = [...this.#spans.values()].find((span) => span.key === key);
    const span = addresses.length === 0 ? undefined : (known ?? this.#write(transaction, key, addresses));
    transaction.set(this.#spans, destination, span);
    return span === undefined ? 0n : BigInt(span.first) | (BigInt(span.count) << 32n);
  }

  /** A destination is no more. */
  release(transaction: Transaction, destination: number): void {
    transaction.set(this.#spans, destination, undefined);
  }

  /** How many addresses a destination sends from. */
  sizeOf(destination: number): number {
    return this.#spans.get(destination)?.count ?? 0;
  }

  /** In the first gap that is wide enough: what is in use, by the destination's former record too, stays. */
  #write(transaction: Transaction, key: string, addresses: readonly string[]): Span {
    const taken = [...this.#spans.values()].sort((a, b) => a.first - b.first);
    let first = 0;
    for (const span of taken) {
      if (first + addresses.length <= span.first) break;
      first = Math.max(first, span.first + span.count);
    }
    if (first + addresses.length > this.#map.spec.maxEntries) {
      const doing = `writing ${addresses.length} local addresses`;
      throw new NeedsProgramError(doing, `room for more than ${MAXIMUM_LOCAL_ADDRESSES} of them`);
    }
    addresses.forEach((address, at) => {
      transaction.update(this.#map, first + at, { address: paddedWords(address) });
    });
    return { key, first, count: addresses.length };
  }
}
