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
  /** How many destinations send from each. */
  readonly #users = new Map<Span, number>();

  constructor({ localAddresses }: Pick<LiveMaps, "localAddresses">) {
    this.#map = localAddresses;
  }

  /** The word of a destination's record for the addresses of its family among these; 0: none. */
  take(transaction: Transaction, destination: number, family: FamilyName, all: readonly string[]): bigint {
    const addresses = all.filter((address) => familyOf(address) === family);
    const before = this.#spans.get(destination);
    const key = addresses.join(" ");
    if (key === (before?.key ?? "")) return wordOf(before);
    const known = [...this.#users.keys()].find((span) => span.key === key);
    const span = addresses.length === 0 ? undefined : (known ?? this.#write(transaction, key, addresses));
    this.#use(transaction, destination, span);
    return wordOf(span);
  }

  /** A destination is no more. */
  release(transaction: Transaction, destination: number): void {
    this.#use(transaction, destination, undefined);
  }

  #use(transaction: Transaction, destination: number, span: Span | undefined): void {
    const before = this.#spans.get(destination);
    if (before === span) return;
    for (const [one, by] of [
      [span, 1],
      [before, -1],
    ] as const) {
      if (one === undefined) continue;
      const users = (this.#users.get(one) ?? 0) + by;
      transaction.set(this.#users, one, users === 0 ? undefined : users);
    }
    transaction.set(this.#spans, destination, span);
  }

  /** How many addresses a destination sends from. */
  sizeOf(destination: number): number {
    return this.#spans.get(destination)?.count ?? 0;
  }

  /** In the first gap that is wide enough: what is in use, by the destination's former record too, stays. */
  #write(transaction: Transaction, key: string, addresses: readonly string[]): Span {
    const taken = [...this.#users.keys()].sort((a, b) => a.first - b.first);
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

function wordOf(span: Span | undefined): bigint {
  return span === undefined ? 0n : BigInt(span.first) | (BigInt(span.count) << 32n);
}
