// What the maps hold of a service and its destinations.

import {
  destinationFlags,
  type Destination as DestinationRecord,
  highestLevel,
  type ListedMember,
  methods,
  type Scheduler,
  schedulerOptions,
  schedulers,
  serviceFlags,
  type serviceType,
  weightDivisor,
} from "@yardmaster/dataplane";
import type { JsOf } from "@yardmaster/ebpf";
import { addressFold, paddedWords } from "../address.ts";
import type { Compatibility } from "../model/configuration.ts";
import { singlePort } from "../model/ports.ts";
import type { Destination, ServiceMatch, VirtualService } from "../model/virtual-service.ts";

export type ServiceRecord = JsOf<ReturnType<typeof serviceType>>;

/** What the destinations map holds; `at` says which service it is of, and whether a rule tells its replies. */
export function destinationRecord(
  { address, port, forwarding, weight, upperThreshold, lowerThreshold }: Destination,
  at: { readonly service: number; readonly hasRule: boolean },
): JsOf<typeof DestinationRecord> {
  return {
    address: paddedWords(address),
    port,
    method: methods[forwarding].code,
    flags: at.hasRule ? destinationFlags.hasReplyRule : 0,
    service: at.service,
    weight,
    upperThreshold,
    lowerThreshold: lowerThreshold === 0 ? defaultLower(upperThreshold) : lowerThreshold,
    reserved: new Uint8Array(28),
  };
}

/** Where none is given: three quarters, as IPVS has it (shared behaviour reference §5). */
function defaultLower(upperThreshold: number): number {
  return upperThreshold - Math.floor(upperThreshold / 4);
}

/** What schedulers are told of a destination. */
export function listedMember(index: number, { address, port, weight }: Destination): ListedMember {
  return { destination: index, weight, lastWeight: weight, addressFold: addressFold(address), port };
}

/** What the services map holds, `members` in list order; `persistenceTicks` wait for the clock to be known. */
export function serviceRecord(
  service: VirtualService,
  members: readonly ListedMember[],
  compatibility: Compatibility,
): ServiceRecord {
  const scheduler: Scheduler = schedulers[service.scheduler];
  return {
    position: compatibility === "ipvs" ? addedOneByOne(scheduler, members) : (scheduler.start?.(members) ?? 0n),
    positionReserved: new Uint8Array(56),
    scheduler: scheduler.code,
    options: service.schedulerOptions.reduce((bits, option) => bits | schedulerOptions[option], 0),
    memberCount: members.length,
    listedCount: members.length,
    weightDivisor: weightDivisor(members),
    highestLevel: highestLevel(members),
    flags: flagsOf(service),
    persistenceTicks: 0,
    maskBits: service.persistence?.maskBits ?? 0,
    newPerSecond: service.caps.newPerSecond,
    halfOpenMaximum: service.caps.halfOpen,
    tableLength: 0,
    reserved: new Uint8Array(16),
    members: members.map(({ destination, weight }) => ({ destination, weight })),
  };
}

/** Where a scheduler stands whose members came one after the other, each to the front of the list. */
function addedOneByOne(scheduler: Scheduler, members: readonly ListedMember[]): bigint {
  let position = scheduler.start?.([]) ?? 0n;
  for (let count = 1; count <= members.length; count++) {
    const change = { before: members.slice(members.length - count + 1), after: members.slice(members.length - count) };
    position = scheduler.moved?.(position, change) ?? position;
  }
  return position;
}

function flagsOf({ match, persistence, onePacket }: VirtualService): number {
  return (
    (persistence === undefined ? 0 : serviceFlags.persistent) |
    (onePacket ? serviceFlags.onePacket : 0) |
    (hasSeveralPorts(match) ? serviceFlags.allPorts : 0) |
    (match.kind === "mark" ? serviceFlags.byMark : 0)
  );
}

/** Where it has, a client stays with its server across all of them. */
function hasSeveralPorts(match: ServiceMatch): boolean {
  return match.kind === "wide" && singlePort(match.ports) === undefined;
}
