// One change of a service, from the maps that hold the service before to those that hold it after: each step in the
// order in which packets may meet it.

import { methods } from "@yardmaster/dataplane";
import { Publications } from "./publications.ts";
import { familyOf } from "../address.ts";
import { DestinationRecords } from "./destination-records.ts";
import { LocalPools } from "./local-pools.ts";
import type { Ground } from "./pool.ts";
import { RealServices } from "./real-services.ts";
import {
  type DestinationPlace,
  destinationRecord,
  identityRecord,
  NO_DESTINATION,
  NO_IDENTITY,
  type PlaceOwner,
  type ServiceRecord,
  serviceRecord,
  tableOf,
} from "./records.ts";
import { claimOf } from "./reply-claims.ts";
import { type ClaimChange, ReplyRules } from "./reply-rules.ts";
import { identityOf, type LiveDestination, type LiveService } from "./service.ts";
import { type Transaction, transact } from "./transaction.ts";
import { Visibility } from "./visibility.ts";

/** A change of a service. */
export interface ServiceChange {
  /** Undefined: there was nothing of it. */
  readonly before: LiveService | undefined;
  readonly after: LiveService;
  /** Where its scheduler stands afterwards, given where it stands now. */
  readonly position: (before: bigint) => bigint;
}

/** The maps that say which services there are, and of what. */
export class ServiceMaps implements Disposable {
  readonly replies: ReplyRules;
  readonly #ground: Ground;
  readonly #publications: Publications;
  readonly #visibility: Visibility;
  readonly #localPools: LocalPools;
  readonly #realServices: RealServices;
  readonly #destinations: DestinationRecords;
  /** By the index of the destination. */
  readonly #places = new Map<number, DestinationPlace>();
  /** Whether the programs answer nat servers' packets of no connection (nat_icmp_send). */
  readonly #sendsErrors: () => boolean;
  #removedCount = 0;

  constructor(ground: Ground, sendsErrors: () => boolean) {
    this.#ground = ground;
    this.#sendsErrors = sendsErrors;
    this.#publications = new Publications(ground.host, ground.made);
    this.#visibility = new Visibility(ground.made.live);
    this.#localPools = new LocalPools(ground.made.live);
    this.#realServices = new RealServices(ground.made.live);
    this.#destinations = new DestinationRecords(ground);
    this.replies = new ReplyRules(ground.made.live, (transaction, index) => this.#writeDestination(transaction, index));
  }

  /** Where a destination stands, by its index. */
  placeOf(destination: number): DestinationPlace | undefined {
    return this.#places.get(destination);
  }

  /** How many local addresses a destination's packets are sent from, by its index. */
  localAddressesOf(destination: number): number {
    return this.#localPools.sizeOf(destination);
  }

  /** What programs see of a service, by its index. */
  recordOf(service: number): ServiceRecord | undefined {
    return this.#publications.recordOf(service);
  }

  /** Makes the changes of `body` while no packets come to the programs. */
  together(body: () => void): void {
    this.#publications.together(body);
  }

  /** Makes a change. */
  apply(transaction: Transaction, { before, after, position }: ServiceChange): void {
    const removed = this.#removedCount + after.removed.length - (before?.removed.length ?? 0);
    if (removed > this.#removedCount) this.#countRemoved(transaction, removed);
    this.#identify(transaction, after);
    const changed = this.#place(transaction, before, after);
    const replies = this.replies.begin(transaction, claimChanges(before, after), newcomersOf(before, after));
    if (!after.isListed) this.#visibility.change(transaction, after.index, undefined);
    for (const { index } of after.members) if (changed.has(index)) this.#writeDestination(transaction, index);
    if (after.isListed || after.removed.length > 0) this.#publish(transaction, after, position);
    else this.#publications.remove(transaction, after.index);
    for (const { index } of after.removed) if (changed.has(index)) this.#writeDestination(transaction, index);
    if (after.isListed) this.#visibility.change(transaction, after.index, after.definition.match);
    replies.finish(transaction);
    if (removed < this.#removedCount) this.#countRemoved(transaction, removed);
  }

  /**
   * Writes destinations anew that the programs' own packets go to from another address of this machine by now: those
   * that it is asked for one after the other, which others may be changed in between.
   */
  *refreshTunnels(): Generator<void> {
    for (const [index, place] of this.#places) {
      if (!this.#hasSource(place)) continue;
      transact((transaction) => this.#writeDestination(transaction, index));
      yield;
    }
  }

  [Symbol.dispose](): void {
    this.#destinations[Symbol.dispose]();
  }

  #publish(transaction: Transaction, service: LiveService, position: ServiceChange["position"]): void {
    const { ticksPerSecond, shape } = this.#ground;
    const record = serviceRecord(service, { ticksPerSecond, room: shape.maximumMembers });
    this.#publications.publish(transaction, service.index, { record, table: tableOf(service), position });
  }

  /** Says for a successor what the service is known by, before connections refer to its place. */
  #identify(transaction: Transaction, service: LiveService): void {
    const isKnown = service.isListed || service.removed.length > 0;
    const record = isKnown ? identityRecord(service) : NO_IDENTITY;
    transaction.update(this.#ground.made.live.identities, service.index, record);
  }

  /** Notes where destinations stand now. Returns the indexes of those that stand otherwise than before. */
  #place(transaction: Transaction, before: LiveService | undefined, after: LiveService): ReadonlySet<number> {
    const stays = before === undefined ? new Set() : new Set(destinationsOf(after).map(({ index }) => index));
    for (const { index } of destinationsOf(before)) {
      if (stays.has(index)) continue;
      this.#realServices.place(transaction, index, this.#places.get(index), undefined);
      transaction.set(this.#places, index, undefined);
      this.#localPools.release(transaction, index);
      this.#destinations.write(transaction, index, NO_DESTINATION);
    }
    const owner = this.#ownerOf(after);
    const changed = new Set<number>();
    const place = (isRemoved: boolean, { index, definition }: LiveDestination): void => {
      const known = this.#places.get(index);
      const isSamePool = known !== undefined && isSameList(known.owner.localAddresses, owner.localAddresses);
      if (isSamePool && known.definition === definition && known.isRemoved === isRemoved) return;
      const now = { owner, definition, isRemoved };
      this.#realServices.place(transaction, index, known, now);
      transaction.set(this.#places, index, now);
      changed.add(index);
    };
    for (const one of after.members) place(false, one);
    for (const one of after.removed) place(true, one);
    return changed;
  }

  #ownerOf({ index, definition }: LiveService): PlaceOwner {
    const { localAddresses = [] } = definition;
    return { service: index, identity: identityOf(definition), definition, localAddresses };
  }

  #writeDestination(transaction: Transaction, index: number): void {
    const place = this.#places.get(index);
    if (place === undefined) return;
    const { definition, owner } = place;
    const isLocal = methods[definition.forwarding].hasLocalAddress;
    const addresses = isLocal ? owner.localAddresses : [];
    const localPool = this.#localPools.take(transaction, index, familyOf(definition.address), addresses);
    const hasRule = this.replies.hasRule(index);
    const record = destinationRecord(place, { hasRule, localPool, tunnelSource: this.#tunnelSourceOf(place) });
    this.#destinations.write(transaction, index, record);
  }

  #tunnelSourceOf(place: DestinationPlace): string | undefined {
    return this.#hasSource(place) ? this.#ground.sourceTowards?.(place.definition.address) : undefined;
  }

  /** Whether programs send packets of their own there: tunnels, and to nat servers errors where that is set. */
  #hasSource({ definition: { forwarding } }: DestinationPlace): boolean {
    if (forwarding === "tun") return true;
    return forwarding === "nat" && this.#sendsErrors();
  }

  #countRemoved(transaction: Transaction, count: number): void {
    const before = this.#removedCount;
    const { settings } = this.#ground.made.live;
    const known = settings.lookup(0);
    if (known !== undefined) transaction.update(settings, 0, { ...known, removedDestinations: count });
    this.#removedCount = count;
    transaction.onFailure(() => (this.#removedCount = before));
  }
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((one, at) => one === b[at]));
}

/** Indexes of destinations that there were not before: no connection knows them. */
function newcomersOf(before: LiveService | undefined, after: LiveService): ReadonlySet<number> {
  const newcomers = new Set(after.members.map(({ index }) => index));
  for (const { index } of destinationsOf(before)) newcomers.delete(index);
  return newcomers;
}

function destinationsOf(service: LiveService | undefined): readonly LiveDestination[] {
  return service === undefined ? [] : [...service.members, ...service.removed];
}

/** Who claims replies otherwise than before. */
function claimChanges(before: LiveService | undefined, after: LiveService): readonly ClaimChange[] {
  const known = new Map(destinationsOf(before).map((one) => [one.index, one.definition]));
  const stays = new Set(destinationsOf(after).map(({ index }) => index));
  const gone = destinationsOf(before).filter(({ index }) => !stays.has(index));
  const isOther = before?.definition !== after.definition;
  const changed = destinationsOf(after).filter(({ index, definition }) => isOther || known.get(index) !== definition);
  return [
    ...gone.map(({ index, definition }) => ({ address: definition.address, forgotten: index })),
    ...changed.map((one) => ({ address: one.definition.address, claim: claimOf(after.definition, one) })),
  ];
}
