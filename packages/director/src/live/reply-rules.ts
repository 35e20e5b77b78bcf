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
  /** Addresses with claims that wait for a walk: few, where there may be a hundred thousand. */
  readonly #waited = new Set<string>();
  /** Destinations that have a rule. */
  readonly #holders = new Set<number>();

  constructor(maps: LiveMaps, rewrite: (transaction: Transaction, destination: number) => void) {
    this.#maps = maps;
    this.#rewrite = rewrite;
  }

  /** Takes over what the connections of a former data plane rely on. Nothing is written yet. */
  inherit(claims: readonly { readonly address: string; readonly claim: ReplyClaim }[]): void {
    for (const { address, claim } of claims) {
      this.#claims.set(address, [...this.#claimsOn(address), claim]);
      this.#look(address);
    }
  }

  /** Whether a destination's new connections need no entry for replies. */
  hasRule(destination: number): boolean {
    return this.#holders.has(destination);
  }

  /**
   * The first half of these changes. `newcomers` have no connections and are written anew in between: those of them
   * that get a rule have it from the start.
   */
  begin(transaction: Transaction, changes: readonly ClaimChange[], newcomers: ReadonlySet<number>): SecondHalf {
    const next = new Map<string, readonly ReplyClaim[]>();
    for (const change of changes) {
      const claims = next.get(change.address) ?? this.#claimsOn(change.address);
      const changed = "claim" in change ? withClaim(claims, change.claim) : withoutClaim(claims, change.forgotten);
      next.set(change.address, changed);
    }
    return this.#begin(transaction, next, newcomers);
  }

  /** Destinations for whose connections something is kept. */
  waiting(): ReadonlySet<number> {
    const found = new Set<number>();
    for (const address of this.#waited) {
      for (const claim of this.#claimsOn(address)) if (isWaiting(claim)) found.add(claim.destination);
    }
    return found;
  }

  /** A whole walk over the connections is done. Only what was waited for when it began is settled. */
  settle(transaction: Transaction, waited: ReadonlySet<number>, seen: SeenReplies): void {
    const settled: SeenReplies = {
      relies: (destination) => !waited.has(destination) || seen.relies(destination),
      isAnswered: (destination) => !waited.has(destination) || seen.isAnswered(destination),
    };
    const isMeant = (claims: readonly ReplyClaim[]) => claims.some(({ destination }) => waited.has(destination));
    const next = [...this.#waited].filter((address) => isMeant(this.#claimsOn(address)));
    const after = new Map(next.map((address) => [address, afterWalk(this.#claimsOn(address), settled)]));
    this.#begin(transaction, after, new Set()).finish(transaction);
  }

  #claim(transaction: Transaction, address: string, after: readonly ReplyClaim[]): void {
    const isOther = this.#waited.has(address) !== after.some(isWaiting);
    // Taken back after the claims are.
    if (isOther) transaction.onFailure(() => this.#look(address));
    transaction.set(this.#claims, address, after.length === 0 ? undefined : after);
    if (isOther) this.#look(address);
  }

  /** Whether any claim of an address waits. */
  #look(address: string): void {
    if (this.#claimsOn(address).some(isWaiting)) this.#waited.add(address);
    else this.#waited.delete(address);
  }

  #claimsOn(address: string): readonly ReplyClaim[] {
    return this.#claims.get(address) ?? [];
  }

  #begin(
    transaction: Transaction,
    next: ReadonlyMap<string, readonly ReplyClaim[]>,
    newcomers: ReadonlySet<number>,
  ): SecondHalf {
    const finishers: ((second: Transaction) => void)[] = [];
    for (const [address, after] of next) {
      const [only] = after;
      // Most addresses have one server, which comes with its service.
      if (after.length === 1 && only && newcomers.has(only.destination) && this.#claimsOn(address).length === 0) {
        this.#claim(transaction, address, after);
        for (const rule of rulesOf(after)) this.#write(transaction, address, { before: undefined, rule });
        if (only.hasRule) this.#hold(transaction, only.destination, "now");
        continue;
      }
      const { gone, come } = differences(this.#claimsOn(address), after);
      this.#claim(transaction, address, after);
      const before = new Map(rulesOf(gone).map((rule) => [ruleText(rule), rule]));
      for (const rule of rulesOf(come)) this.#write(transaction, address, { before: before.get(ruleText(rule)), rule });
      for (const destination of without(holdersOf(gone), holdersOf(come))) {
        this.#hold(transaction, destination, "no longer");
        this.#rewrite(transaction, destination);
      }
      const gained = without(holdersOf(come), holdersOf(gone));
      for (const destination of gained) if (newcomers.has(destination)) this.#hold(transaction, destination, "now");
      const dropped = withoutKept(rulesOf(gone), after);
      const later = gained.filter((destination) => !newcomers.has(destination));
      if (later.length === 0 && dropped.length === 0) continue;
      finishers.push((second) => {
        for (const destination of later) {
          this.#hold(second, destination, "now");
          this.#rewrite(second, destination);
        }
        for (const rule of dropped) second.delete(this.#rulesOf(address), keyOf(address, rule));
      });
    }
    return { finish: (second) => finishers.forEach((finish) => finish(second)) };
  }

  #hold(transaction: Transaction, destination: number, when: "now" | "no longer"): void {
    const add = () => this.#holders.add(destination);
    const remove = () => this.#holders.delete(destination);
    const [act, undo] = when === "now" ? [add, remove] : [remove, add];
    act();
    transaction.onFailure(undo);
  }

  #write(
    transaction: Transaction,
    address: string,
    { before, rule }: { readonly before: ReplyRule | undefined; readonly rule: ReplyRule },
  ): void {
    if (before?.service === rule.service) return;
    const map = this.#rulesOf(address);
    transaction.replace(map, keyOf(address, rule), before && recordOf(before), recordOf(rule));
  }

  #rulesOf(address: string): LiveMaps[FamilyName]["replyRules"] {
    return this.#maps[familyOf(address)].replyRules;
  }
}

function recordOf({ service: { address, port } }: ReplyRule) {
  return { address: [...address], port, reserved: 0 };
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

/** Claims that are not as before: those of before, and those of now. What has not changed is the same object. */
function differences(before: readonly ReplyClaim[], after: readonly ReplyClaim[]) {
  if (after.length >= before.length) {
    const gone = before.filter((claim, at) => after[at] !== claim);
    return { gone, come: after.filter((claim, at) => before[at] !== claim) };
  }
  const [was, is] = [new Set(before), new Set(after)];
  return { gone: before.filter((claim) => !is.has(claim)), come: after.filter((claim) => !was.has(claim)) };
}

/** Those of these rules that none of the claims stands on. */
function withoutKept(rules: readonly ReplyRule[], claims: readonly ReplyClaim[]): readonly ReplyRule[] {
  if (rules.length === 0) return rules;
  const kept = new Set(rulesOf(claims).map(ruleText));
  return rules.filter((rule) => !kept.has(ruleText(rule)));
}

function without<T>(all: readonly T[], some: readonly T[]): readonly T[] {
  return all.filter((one) => !some.includes(one));
}
