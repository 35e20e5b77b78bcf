// The services of a running data plane, changed one by one while packets flow. Each change is done whole or not at all
// and follows IPVS's rules: schedulers hear of every change of their list, and what comes back is what it was.

import { isDeepStrictEqual } from "node:util";
import { randomInt } from "node:crypto";
import { hasLocalAddress, type Scheduler, schedulers } from "@yardmaster/dataplane";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import type { Arrival } from "../plan/plan.ts";
import { type LiveSettings, settingsRecord } from "../plan/settings.ts";
import { assertDestinations, assertFits, assertSettingsFit, refuse } from "./fits.ts";
import type { Heritage, InheritedService } from "./inherited.ts";
import { type Ground, Pool, type Room } from "./pool.ts";
import { addedOneByOne, type DestinationPlace, type ServiceRecord } from "./records.ts";
import { claimOf } from "./reply-claims.ts";
import {
  endpointOf,
  familyOfMatch,
  identityOf,
  listedMember,
  type LiveDestination,
  type LiveService,
  type ServiceDefinition,
} from "./service.ts";
import { type ServiceChange, ServiceMaps } from "./service-maps.ts";
import { type Tended, Tending } from "./tending.ts";
import { type Transaction, transact } from "./transaction.ts";
import type { FinishedWalk, Watch } from "./watchlist.ts";

/** Which end of the list a new destination goes to: in IPVS the first. */
export type Place = "first" | "last";

/** A service as it is to be. */
interface WantedService {
  readonly definition: ServiceDefinition;
  readonly servers: readonly Destination[];
}

type Position = ServiceChange["position"];
const unmoved: Position = (position) => position;

/** All services. */
export class LiveServices implements Disposable {
  readonly #ground: Ground;
  readonly #pool: Pool;
  readonly #maps: ServiceMaps;
  readonly #tending: Tending;
  readonly #services = new Map<string, LiveService>();
  /** What a service was made of by `reconcile`: whoever brings that again wants no change. */
  readonly #madeOf = new WeakMap<LiveService, VirtualService>();
  #settings: LiveSettings;

  /** On maps in which there is nothing yet. Throws NeedsProgramError where the shape does not do for the settings. */
  constructor(ground: Ground, settings: LiveSettings) {
    this.#ground = ground;
    this.#pool = new Pool(ground);
    this.#maps = new ServiceMaps(ground, () => this.#settings.natIcmpSend);
    this.#tending = new Tending(ground);
    this.#settings = settings;
    this.setSettings(settings);
  }

  get settings(): LiveSettings {
    return this.#settings;
  }

  /** Those that take packets, in the order in which they were added. */
  services(): readonly LiveService[] {
    return [...this.#services.values()].filter(({ isListed }) => isListed);
  }

  /** A service that takes packets, by its identity. */
  find(identity: string): LiveService | undefined {
    const found = this.#services.get(identity);
    return found?.isListed === true ? found : undefined;
  }

  /** The destination with an index and its service, also where they were removed; undefined: nobody has it. */
  ownerOf(destination: number): { readonly service: LiveService; readonly place: DestinationPlace } | undefined {
    const place = this.#maps.placeOf(destination);
    const service = place && this.#services.get(place.owner.identity);
    return place && service && { service, place };
  }

  /** Above all indexes of destinations: tables by them need not be read further. */
  get destinationEnd(): number {
    return this.#pool.destinationEnd;
  }

  /** How many local addresses a destination's packets are sent from. */
  localAddressesOf(destination: number): number {
    return this.#maps.localAddressesOf(destination);
  }

  /** What programs see of the service with an index. */
  recordOf(service: number): ServiceRecord | undefined {
    return this.#maps.recordOf(service);
  }

  /** Gives the programs other settings. */
  setSettings(settings: LiveSettings): void {
    const { shape, ticksPerSecond, made } = this.#ground;
    assertSettingsFit("changing settings", shape, settings);
    const known = made.live.settings.lookup(0);
    const kept = {
      now: known?.now ?? 0,
      removedDestinations: known?.removedDestinations ?? 0,
      holdUntil: known?.holdUntil ?? 0,
      // A new one only where there is none yet.
      localPortSeed: hasLocalAddress(shape.methods) ? known?.localPortSeed || randomInt(1, 2 ** 32) : 0,
    };
    made.live.settings.update(0, { ...settingsRecord(settings, ticksPerSecond), ...kept });
    this.#settings = settings;
  }

  /** Has packets of unknown flows wait until a tick, where the programs know how to; 0: no longer. */
  hold(untilTick: number): void {
    const { settings } = this.#ground.made.live;
    const known = settings.lookup(0);
    if (known !== undefined) settings.update(0, { ...known, holdUntil: untilTick >>> 0 });
  }

  /** Does all that `body` does here while no packets come to the programs: with much to do it is faster so. */
  together(body: () => void): void {
    this.#maps.together(body);
  }

  /** Adds a service with its destinations in list order. */
  addService(
    definition: ServiceDefinition,
    destinations: readonly Destination[] = [],
    { arrival = "together" }: { readonly arrival?: Arrival } = {},
  ): void {
    const identity = identityOf(definition);
    const doing = `adding service ${identity}`;
    const before = this.#services.get(identity);
    if (before?.isListed === true) refuse("SERVICE_EXISTS", doing, "there is one already");
    this.#assertPossible(doing, definition, destinations);
    transact((transaction) => {
      const index = before?.index ?? this.#pool.takeService(transaction, doing);
      const { match } = definition;
      const removed = before?.removed ?? [];
      let after: LiveService = {
        index,
        family: familyOfMatch(match),
        definition,
        members: [],
        removed,
        isListed: true,
      };
      after = this.#withDestinations(transaction, after, destinations, doing);
      const start = startOf(definition, after.members, arrival);
      this.#change(transaction, before, after, () => start);
      this.#reconsider(before, after);
    });
  }

  /**
   * Takes over the places of a former data plane, where nothing was written yet, so that its connections go on, and
   * makes these the services; `room`: how many places it had. What it had and these have not is removed, as IPVS
   * removes; what both have keeps its counts.
   */
  inherit(
    heritage: Heritage,
    services: readonly VirtualService[],
    { arrival, room }: { readonly arrival: Arrival; readonly room: Room },
  ): void {
    const known = new Map(heritage.map((service) => [service.identity, service]));
    const places = {
      services: new Set(heritage.map(({ index }) => index)),
      destinations: new Set(heritage.flatMap(({ destinations }) => destinations.map(({ index }) => index))),
    };
    this.#pool.inherit(places, room);
    this.#maps.replies.inherit(heritage.flatMap(inheritedClaims));
    for (const { servers, ...definition } of services) {
      const former = known.get(identityOf(definition));
      if (former === undefined) this.addService(definition, servers, { arrival });
      else this.#takeUp(former, { definition, servers }, arrival);
      known.delete(identityOf(definition));
    }
    for (const former of known.values()) this.#takeUp(former, undefined, arrival);
  }

  /** The former data plane gets no packets any more. */
  completeSuccession(): void {
    this.#tending.completeSuccession();
  }

  /** Makes a former service what it is to be; undefined: it is no more. */
  #takeUp(former: InheritedService, wanted: WantedService | undefined, arrival: Arrival): void {
    const { index, identity } = former;
    const doing = `taking over service ${identity}`;
    const definition = wanted?.definition ?? former.definition;
    // What is no more takes no packets: the program need not be able to.
    if (wanted !== undefined) this.#assertPossible(doing, definition, wanted.servers);
    const isSame = wanted !== undefined && definition.scheduler === former.scheduler;
    transact((transaction) => {
      let after: LiveService = {
        ...{ index, family: familyOfMatch(definition.match), definition },
        ...{ members: [], removed: former.destinations, isListed: wanted !== undefined },
      };
      after = this.#withDestinations(transaction, after, wanted?.servers ?? [], doing);
      const start = startOf(definition, after.members, arrival);
      this.#change(transaction, undefined, after, () => start);
      if (!isSame) this.#tending.forgetAddressesAfterSuccession(index);
      this.#doom(after.removed);
      this.#pool.reconsider(after.members.map((member) => member.index));
    });
  }

  /**
   * Makes these the services, all of them or, if that fails, none: what is not among them is removed, what is new is
   * added, and what stays keeps its connections and counts. Services in which nothing changed are not touched.
   */
  reconcile(services: readonly VirtualService[], { arrival }: { readonly arrival: Arrival }): void {
    const wanted = new Set(services.map(identityOf));
    const gone = this.services().filter(({ definition }) => !wanted.has(identityOf(definition)));
    const changed = services.filter((service) => !this.#isAsWanted(service));
    for (const { servers, ...definition } of changed) {
      this.#assertPossible(`changing service ${identityOf(definition)}`, definition, servers);
    }
    transact((transaction) => {
      for (const service of gone) this.#withdraw(transaction, service);
      for (const service of changed) {
        const { servers, ...definition } = service;
        const before = this.#services.get(identityOf(service));
        const isOther = !isDeepStrictEqual(before?.definition, definition);
        const after = { definition: isOther ? definition : (before?.definition ?? definition), servers, arrival };
        const made = this.#become(transaction, before, after);
        transaction.onSuccess(() => this.#madeOf.set(made, service));
      }
    });
  }

  /** Whether nothing of a service would change. */
  #isAsWanted(service: VirtualService): boolean {
    const known = this.#services.get(identityOf(service));
    if (known?.isListed !== true) return false;
    if (this.#madeOf.get(known) === service) return true;
    const { servers, ...definition } = service;
    const { members } = known;
    const isSame = (a: object | undefined, b: object) => a === b || isDeepStrictEqual(a, b);
    if (members.length !== servers.length || !isSame(known.definition, definition)) return false;
    if (!servers.every((server, at) => isSame(members[at]?.definition, server))) return false;
    this.#madeOf.set(known, service);
    return true;
  }

  /** Makes a service, or what is left of it, another. */
  #become(
    transaction: Transaction,
    before: LiveService | undefined,
    { definition, servers, arrival }: WantedService & { readonly arrival: Arrival },
  ): LiveService {
    const doing = `changing service ${identityOf(definition)}`;
    const index = before?.index ?? this.#pool.takeService(transaction, doing);
    let after: LiveService = {
      ...{ index, family: familyOfMatch(definition.match), definition, members: [], isListed: true },
      removed: [...(before?.members ?? []), ...(before?.removed ?? [])],
    };
    after = this.#withDestinations(transaction, after, servers, doing);
    const known = new Map(before?.members.map((member) => [member.index, member]));
    after = { ...after, members: after.members.map((member) => withLastWeight(known, member)) };
    const goesOn = before?.isListed === true && before.definition.scheduler === definition.scheduler;
    const start = startOf(definition, after.members, arrival);
    this.#change(transaction, before, after, goesOn ? movedBy(before, after) : () => start);
    if (before !== undefined && !goesOn) transaction.onSuccess(() => this.#tending.forgetAddresses(index));
    const stays = new Set(after.removed.map((one) => one.index));
    const leaving = (before?.members ?? []).filter((one) => stays.has(one.index));
    transaction.onSuccess(() => this.#doom(leaving));
    transaction.onSuccess(() => this.#reconsider(before, after));
    return after;
  }

  /** Takes a service out; its destinations are known as long as connections refer to them. */
  #withdraw(transaction: Transaction, before: LiveService): void {
    const removed = [...before.members, ...before.removed];
    this.#change(transaction, before, { ...before, members: [], removed, isListed: false }, unmoved);
    transaction.onSuccess(() => this.#tending.forgetAddresses(before.index));
    transaction.onSuccess(() => this.#doom(before.members));
  }

  /** Gives a service other attributes. Another scheduler starts afresh, the same goes on. */
  editService(definition: ServiceDefinition): void {
    const identity = identityOf(definition);
    const doing = `editing service ${identity}`;
    const before = this.#listed(identity, doing);
    this.#assertPossible(
      doing,
      definition,
      before.members.map((member) => member.definition),
    );
    const isSame = before.definition.scheduler === definition.scheduler;
    const scheduler: Scheduler = schedulers[definition.scheduler];
    const start = scheduler.start?.(before.members.map(listedMember)) ?? 0n;
    transact((transaction) => {
      this.#change(transaction, before, { ...before, definition }, isSame ? unmoved : () => start);
      if (!isSame) this.#tending.forgetAddresses(before.index);
    });
  }

  /** Removes a service. Its destinations are known as long as connections refer to them. */
  removeService(identity: string): void {
    const before = this.#listed(identity, `removing service ${identity}`);
    transact((transaction) => this.#withdraw(transaction, before));
  }

  /** Adds a destination to a service; one that was removed from it comes back with all that it had. */
  addDestination(identity: string, destination: Destination, { place }: { readonly place: Place }): void {
    const doing = `adding destination ${endpointOf(destination)} to ${identity}`;
    const before = this.#listed(identity, doing);
    const members = before.members.map((member) => member.definition);
    if (members.some((known) => endpointOf(known) === endpointOf(destination))) {
      refuse("DESTINATION_EXISTS", doing, "there is one already");
    }
    this.#assertPossible(doing, before.definition, [...members, destination]);
    transact((transaction) => {
      const after = this.#withDestination(transaction, before, destination, place, doing);
      this.#change(transaction, before, after, movedBy(before, after));
      this.#reconsider(before, after);
    });
  }

  /** Gives a destination other attributes; its address and port tell which. */
  editDestination(identity: string, destination: Destination): void {
    const endpoint = endpointOf(destination);
    const doing = `editing destination ${endpoint} of ${identity}`;
    const before = this.#listed(identity, doing);
    const known = memberAt(before, endpoint, doing);
    this.#assertPossible(doing, before.definition, [destination]);
    const edited: LiveDestination = {
      ...known,
      definition: destination,
      lastWeight: destination.weight === 0 ? known.lastWeight : destination.weight,
    };
    const members = before.members.map((member) => (member === known ? edited : member));
    const after = { ...before, members };
    transact((transaction) => {
      this.#change(transaction, before, after, movedBy(before, after));
      this.#reconsider(before, after);
    });
  }

  /** Removes a destination, by its address and port. It is known as long as connections refer to it. */
  removeDestination(identity: string, endpoint: string): void {
    const doing = `removing destination ${endpoint} of ${identity}`;
    const before = this.#listed(identity, doing);
    const known = memberAt(before, endpoint, doing);
    const members = before.members.filter((member) => member !== known);
    const after = { ...before, members, removed: [known, ...before.removed] };
    transact((transaction) => this.#change(transaction, before, after, movedBy(before, after)));
    this.#doom([known]);
  }

  /** Has tunnels begin at the address that this machine has towards their ends by now: one after the other. */
  refreshTunnels(): Generator<void> {
    return this.#maps.refreshTunnels();
  }

  /** Nothing that was removed is remembered, and nothing waits for a walk over the connections. */
  get isSettled(): boolean {
    if (this.#tending.isWaiting) return false;
    for (const { removed } of this.#services.values()) if (removed.length > 0) return false;
    return true;
  }

  /** What a walk over the connections that begins now is to look for. */
  watch(): Watch {
    return this.#tending.watch();
  }

  /** Does what is due at tick `now`; `walk`: one that has just ended. */
  tend(now: number, walk?: FinishedWalk): void {
    const tended: Tended = {
      services: [...this.#services.values()],
      settings: this.#settings,
      replies: this.#maps.replies,
    };
    for (const { service, removed } of this.#tending.tend(now, tended, walk)) {
      transact((transaction) => {
        this.#change(transaction, service, { ...service, removed }, unmoved);
        const forgotten = service.removed.filter((one) => !removed.includes(one));
        for (const { index } of forgotten) this.#pool.releaseDestination(transaction, index);
      });
    }
  }

  /** Ticks until there is something to tend; undefined: nothing to wait for. */
  ticksUntilDue(now: number): number | undefined {
    return this.#tending.ticksUntilDue(now);
  }

  [Symbol.dispose](): void {
    this.#maps[Symbol.dispose]();
  }

  #listed(identity: string, doing: string): LiveService {
    return this.find(identity) ?? refuse("NO_SERVICE", doing, "there is no such service");
  }

  #assertPossible(doing: string, definition: ServiceDefinition, destinations: readonly Destination[]): void {
    assertDestinations(doing, definition, destinations);
    assertFits(doing, this.#ground.shape, definition, destinations);
  }

  /** The service with these destinations at the end of its list: those that were removed from it, or new ones. */
  #withDestinations(
    transaction: Transaction,
    service: LiveService,
    definitions: readonly Destination[],
    doing: string,
  ): LiveService {
    const removed = new Map(service.removed.map((one) => [endpointOf(one.definition), one]));
    const members = definitions.map((definition): LiveDestination => {
      const endpoint = endpointOf(definition);
      const index = removed.get(endpoint)?.index ?? this.#pool.takeDestination(transaction, doing);
      if (removed.delete(endpoint)) transaction.onSuccess(() => this.#tending.comeBack(index));
      return { index, definition, lastWeight: definition.weight };
    });
    return { ...service, members: [...service.members, ...members], removed: [...removed.values()] };
  }

  /** The service with one destination more: the one that was removed from it, or a new one. */
  #withDestination(
    transaction: Transaction,
    service: LiveService,
    definition: Destination,
    place: Place,
    doing: string,
  ): LiveService {
    const { members, removed } = this.#withDestinations(transaction, { ...service, members: [] }, [definition], doing);
    return {
      ...service,
      members: place === "first" ? [...members, ...service.members] : [...service.members, ...members],
      removed,
    };
  }

  #change(
    transaction: Transaction,
    before: LiveService | undefined,
    after: LiveService,
    position: ServiceChange["position"],
  ): void {
    const isKnown = after.isListed || after.removed.length > 0;
    transaction.set(this.#services, identityOf(after.definition), isKnown ? after : undefined);
    this.#maps.apply(transaction, { before, after, position });
    if (!isKnown) this.#pool.releaseService(transaction, after.index);
  }

  /** Has destinations whose thresholds are other ones than before looked at. */
  #reconsider(before: LiveService | undefined, after: LiveService): void {
    const known = new Map([...(before?.members ?? []), ...(before?.removed ?? [])].map((one) => [one.index, one]));
    const changed = after.members.filter(({ index, definition: now }) => {
      const was = known.get(index)?.definition;
      if (was === undefined) return false;
      return was.upperThreshold !== now.upperThreshold || was.lowerThreshold !== now.lowerThreshold;
    });
    this.#pool.reconsider(changed.map(({ index }) => index));
  }

  #doom(removed: readonly LiveDestination[]): void {
    if (this.#settings.onRemoval !== "reschedule") return;
    for (const { index } of removed) this.#tending.doom(index);
  }
}

/** A member with the latest weight above 0 that it had, where it was one before and is quiesced. */
function withLastWeight(before: ReadonlyMap<number, LiveDestination>, member: LiveDestination): LiveDestination {
  if (member.definition.weight !== 0) return member;
  return { ...member, lastWeight: before.get(member.index)?.lastWeight ?? 0 };
}

/** Where the scheduler of a service stands whose members have just come. */
function startOf(definition: ServiceDefinition, destinations: readonly LiveDestination[], arrival: Arrival): bigint {
  const members = destinations.map(listedMember);
  const scheduler: Scheduler = schedulers[definition.scheduler];
  return arrival === "together" ? (scheduler.start?.(members) ?? 0n) : addedOneByOne(scheduler, members);
}

/** What of the replies to a former service's connections is to stay as it is. */
function inheritedClaims({ definition, destinations }: InheritedService) {
  return destinations.flatMap((one) => {
    const claim = { ...claimOf(definition, one), hasRule: false, isRelied: one.isRelied };
    return claim.isCurrent ? [{ address: one.definition.address, claim }] : [];
  });
}

/** Where the scheduler stands after its list has changed. */
function movedBy(before: LiveService, after: LiveService): Position {
  const scheduler: Scheduler = schedulers[after.definition.scheduler];
  const change = { before: before.members.map(listedMember), after: after.members.map(listedMember) };
  return (position) => scheduler.moved?.(position, change) ?? position;
}

function memberAt({ members }: LiveService, endpoint: string, doing: string): LiveDestination {
  const found = members.find(({ definition }) => endpointOf(definition) === endpoint);
  return found ?? refuse("NO_DESTINATION", doing, "there is no such destination");
}
