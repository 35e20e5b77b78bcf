// What the maps hold of a service and its destinations.

import {
  destinationFlags,
  Destination as DestinationRecord,
  encapsulations,
  families,
  highestLevel,
  Identity,
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
import { familyOf, paddedWords } from "../address.ts";
import { defaultEncapsulation, encapsulationOverhead, hasChecksum } from "../model/encapsulation.ts";
import { singlePort } from "../model/ports.ts";
import type { Destination, ServiceMatch } from "../model/virtual-service.ts";
import { ticksOf } from "../plan/settings.ts";
import { identityOf, type LiveService, listedMember, type ServiceDefinition } from "./service.ts";

export type ServiceRecord = JsOf<ReturnType<typeof serviceType>>;

/** The service that destinations stand in: one value for all of them. */
export interface PlaceOwner {
  /** Its index, and what it is known by. */
  readonly service: number;
  readonly identity: string;
  readonly definition: ServiceDefinition;
  /** What its full NAT sends from. */
  readonly localAddresses: readonly string[];
}

/** Where a destination stands. */
export interface DestinationPlace {
  readonly owner: PlaceOwner;
  readonly definition: Destination;
  readonly isRemoved: boolean;
}

/** What of a destination's record is settled elsewhere. */
interface Settled {
  /** Its replies are told by a rule. */
  readonly hasRule: boolean;
  /** Where its local addresses stand, see the schema. */
  readonly localPool: bigint;
  /** Of tun: the director's address towards it, the source of what goes into the tunnel; undefined: it has none. */
  readonly tunnelSource: string | undefined;
}

/** Content of the destinations map where there is none: its method is none. */
export const NO_DESTINATION = DestinationRecord.decode(new Uint8Array(DestinationRecord.size));
/** Content of the identities map where there is no service. */
export const NO_IDENTITY = Identity.decode(new Uint8Array(Identity.size));

/** Content of the identities map. */
export function identityRecord({ definition, family }: LiveService): JsOf<typeof Identity> {
  const text = new Uint8Array(Identity.fields.text.size);
  const { written, read } = new TextEncoder().encodeInto(identityOf(definition), text);
  if (read !== identityOf(definition).length) throw new Error(`${identityOf(definition)}: more than ${written} bytes`);
  return { text, family: Number(families[family].digit), scheduler: schedulers[definition.scheduler].code };
}

/** Content of the destinations map. */
export function destinationRecord(
  {
    owner: { service },
    definition,
    isRemoved,
  }: Omit<DestinationPlace, "owner"> & { readonly owner: Pick<PlaceOwner, "service"> },
  { hasRule, localPool, tunnelSource }: Settled,
): JsOf<typeof DestinationRecord> {
  const { address, port, forwarding, weight, upperThreshold, encapsulation = defaultEncapsulation } = definition;
  const isTunnel = forwarding === "tun";
  const tells = definition.clientAddress === "toa" ? destinationFlags.tellsClient : 0;
  return {
    address: paddedWords(address),
    port,
    method: methods[forwarding].code,
    flags:
      (hasRule ? destinationFlags.hasReplyRule : 0) |
      (isRemoved ? destinationFlags.removed : 0) |
      (definition.isDown === true ? destinationFlags.down : 0) |
      (familyOf(address) === "ipv6" ? destinationFlags.isIpv6 : 0) |
      (isTunnel && hasChecksum(encapsulation) ? destinationFlags.tunnelChecksum : 0) |
      tells,
    service,
    weight,
    upperThreshold,
    lowerThreshold: lowerThresholdOf(definition),
    encapsulation: isTunnel ? encapsulations[encapsulation.kind].code : 0,
    overhead: isTunnel ? encapsulationOverhead(encapsulation, familyOf(address)) : 0,
    tunnelPort: isTunnel && encapsulation.kind === "gue" ? encapsulation.port : 0,
    localPool,
    tunnelSource: tunnelSourceRecord(tunnelSource),
  };
}

/** Words of the address that a tunnel begins at; zeros for none. */
function tunnelSourceRecord(address: string | undefined): number[] {
  return address === undefined ? [0, 0, 0, 0] : paddedWords(address);
}

/** Below so many connections a destination is no longer overloaded: IPVS's lval (shared behaviour reference §5). */
export function lowerThresholdOf({ upperThreshold, lowerThreshold }: Destination): number {
  return lowerThreshold === 0 ? upperThreshold - Math.floor(upperThreshold / 4) : lowerThreshold;
}

/** Content of the services map, as far as the service tells it; `room`: how long its list can be. */
export function serviceRecord(
  { definition, members, removed }: Pick<LiveService, "definition" | "members" | "removed">,
  { ticksPerSecond, room }: { readonly ticksPerSecond: number; readonly room: number },
): Omit<ServiceRecord, "position" | "tableLength"> {
  const { scheduler, persistence, caps } = definition;
  const seen = members.map(listedMember);
  const listed = [...members, ...removed].slice(0, room);
  return {
    positionReserved: new Uint8Array(56),
    scheduler: schedulers[scheduler].code,
    options: definition.schedulerOptions.reduce((bits, option) => bits | schedulerOptions[option], 0),
    memberCount: members.length,
    listedCount: listed.length,
    weightDivisor: weightDivisor(seen),
    highestLevel: highestLevel(seen),
    flags: flagsOf(definition),
    persistenceTicks: ticksOf(persistence?.timeoutMs ?? 0, ticksPerSecond),
    maskBits: persistence?.maskBits ?? 0,
    newPerSecond: caps.newPerSecond,
    halfOpenMaximum: caps.halfOpen,
    reserved: new Uint8Array(16),
    members: listed.map(({ index, definition: { weight } }) => ({ destination: index, weight })),
  };
}

/** The table of a service whose scheduler has one. */
export function tableOf({ definition, members }: LiveService): Uint32Array | undefined {
  const scheduler: Scheduler = schedulers[definition.scheduler];
  return scheduler.table?.(members.map(listedMember), definition.tableSize);
}

/** Where a scheduler stands whose members came one after the other, each to the front of the list. */
export function addedOneByOne(scheduler: Scheduler, members: readonly ListedMember[]): bigint {
  let position = scheduler.start?.([]) ?? 0n;
  for (let count = 1; count <= members.length; count++) {
    const change = { before: members.slice(members.length - count + 1), after: members.slice(members.length - count) };
    position = scheduler.moved?.(position, change) ?? position;
  }
  return position;
}

function flagsOf({ match, persistence, onePacket }: ServiceDefinition): number {
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
