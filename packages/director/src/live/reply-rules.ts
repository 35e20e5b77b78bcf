// The reply rules in the maps, and which destinations have one. Changes go in two halves around whatever else changes:
// first rules appear and destinations lose theirs, at the end destinations get one and rules disappear.

import type { FamilyName } from "@yardmaster/dataplane";
import { addressWords } from "@yardmaster/packet";
import { familyOf } from "../address.ts";
import type { LiveMaps } from "../kernel/live-maps.ts";
import {
  afterWalk,
  isWaiting,
  type NewClaim,
  type ReplyClaim,
  type ReplyRule,
  rulesOf,
  type SeenReplies,
  withClaim,
  withoutClaim,
} from "./reply-claims.ts";
import { protocolNumbers } from "./service.ts";
import type { Transaction } from "./transaction.ts";

/** A claim on an address, or the end of one. */
export type ClaimChange =
  | { readonly address: string; readonly claim: NewClaim }
  | { readonly address: string; readonly forgotten: number };

/** What is left of a change. */
export interface SecondHalf {
  finish(transaction: Transaction): void;
}

/** Of all server addresses. */
export class ReplyRules {
  readonly #maps: LiveMaps;
  /** Writes the record of a destination that got or lost its rule. */
  readonly #rewrite: (transaction: Transaction, destination: number) => void;
  readonly #claims = new Map<string, readonly ReplyClaim[]>();
  /** Destinations that have a rule. */
  readonly #holders = new Set<number>();

  constructor(maps: LiveMaps, rewrite: (transaction: Transaction, destination: number) => void) {
    this.#maps = maps;
    this.#rewrite = rewrite;
  }

  /** Takes over what the connections of a former data plane rely on. Nothing is written yet. */
  inherit(claims: readonly { readonly address: string; readonly claim: ReplyClaim }[]): void {
    for (const { address, claim } of claims) this.#claims.set(address, [...this.#claimsOn(address), claim]);
  }

  /** Whether a destination's new connections need no entry for replies. */
  hasRule(destination: number): boolean {
    return this.#holders.has(destination);
  }

  /** The first half of these changes. */
  begin(transaction: Transaction, changes: readonly ClaimChange[]): SecondHalf {
    const next = new Map<string, readonly ReplyClaim[]>();
    for (const change of changes) {
      const claims = next.get(change.address) ?? this.#claimsOn(change.address);
      const changed = "claim" in change ? withClaim(claims, change.claim) : withoutClaim(claims, change.forgotten);
      next.set(change.address, changed);
    }
    return this.#begin(transaction, next);
  }

  /** Destinations for whose connections something is kept. */
  waiting(): ReadonlySet<number> {
    const all = [...this.#claims.values()].flat();
    return new Set(all.filter(isWaiting).map(({ destination }) => destination));
  }

  /** A whole walk over the connections is done. Only what was waited for when it began is settled. */
  settle(transaction: Transaction, waited: ReadonlySet<number>, seen: SeenReplies): void {
    const settled: SeenReplies = {
      relies: (destination) => !waited.has(destination) || seen.relies(destination),
      isAnswered: (destination) => !waited.has(destination) || seen.isAnswered(destination),
    };
    const isMeant = (claims: readonly ReplyClaim[]) => claims.some(({ destination }) => waited.has(destination));
    const next = [...this.#claims].filter(([, claims]) => isMeant(claims));
    const after = new Map(next.map(([address, claims]) => [address, afterWalk(claims, settled)]));
    this.#begin(transaction, after).finish(transaction);
  }

  #claimsOn(address: string): readonly ReplyClaim[] {
    return this.#claims.get(address) ?? [];
  }

  #begin(transaction: Transaction, next: ReadonlyMap<string, readonly ReplyClaim[]>): SecondHalf {
    const finishers = [...next].map(([address, after]) => {
      const before = this.#claimsOn(address);
      transaction.set(this.#claims, address, after.length === 0 ? undefined : after);
      for (const rule of rulesOf(after)) this.#write(transaction, address, rule);
      const lost = without(holdersOf(before), holdersOf(after));
      for (const destination of lost) this.#hold(transaction, destination, "no longer");
      return (second: Transaction): void => {
        for (const destination of without(holdersOf(after), holdersOf(before))) this.#hold(second, destination, "now");
        const kept = new Set(rulesOf(after).map(ruleText));
        for (const rule of rulesOf(before)) {
          if (!kept.has(ruleText(rule))) second.delete(this.#rulesOf(address), keyOf(address, rule));
        }
      };
    });
    return { finish: (second) => finishers.forEach((finish) => finish(second)) };
  }

  #hold(transaction: Transaction, destination: number, when: "now" | "no longer"): void {
    const add = () => this.#holders.add(destination);
    const remove = () => this.#holders.delete(destination);
    const [act, undo] = when === "now" ? [add, remove] : [remove, add];
    act();
    transaction.onFailure(undo);
    this.#rewrite(transaction, destination);
  }

  #write(transaction: Transaction, address: string, rule: ReplyRule): void {
    const { address: words, port } = rule.service;
    const value = { address: [...words], port, reserved: 0 };
    transaction.update(this.#rulesOf(address), keyOf(address, rule), value);
  }

  #rulesOf(address: string): LiveMaps[FamilyName]["replyRules"] {
    return this.#maps[familyOf(address)].replyRules;
  }
}

function keyOf(address: string, { port, protocol }: ReplyRule) {
  return { address: addressWords(address), port, protocol: protocolNumbers[protocol] };
}

function ruleText({ port, protocol }: ReplyRule): string {
  return `${protocol} ${port}`;
}

function holdersOf(claims: readonly ReplyClaim[]): readonly number[] {
  return claims.filter(({ hasRule }) => hasRule).map(({ destination }) => destination);
}

function without<T>(all: readonly T[], some: readonly T[]): readonly T[] {
  return all.filter((one) => !some.includes(one));
}
