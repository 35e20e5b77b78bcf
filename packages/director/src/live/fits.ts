// Whether what is asked for can be done by the program that runs: it has only what its shape names.

import { type BalancerShape, type FeatureName, hasFeature, methods } from "@yardmaster/dataplane";
import { DirectorError } from "../errors.ts";
import { defaultEncapsulation, hasChecksum } from "../model/encapsulation.ts";
import type { Destination } from "../model/virtual-service.ts";
import type { LiveSettings } from "../plan/settings.ts";
import { familyOf } from "../address.ts";
import { endpointOf, familyOfMatch, type ServiceDefinition } from "./service.ts";

/** Why a change cannot be, whatever the program: its code behind YM_LIVE_. */
type Refusal = "SERVICE_EXISTS" | "NO_SERVICE" | "DESTINATION_EXISTS" | "NO_DESTINATION" | "FAMILY" | "THRESHOLDS";

/** Throws a DirectorError that says so. */
export function refuse(refusal: Refusal, doing: string, why: string): never {
  throw new DirectorError(`YM_LIVE_${refusal}`, `${doing}: ${why}`);
}

/** The running program was built without something, or with too little room: a new one is needed. */
export class NeedsProgramError extends DirectorError {
  override readonly name = "NeedsProgramError";

  /** `missing`: what a new program must have, as in "the scheduler mh". */
  constructor(doing: string, missing: string) {
    super("YM_LIVE_NEEDS_PROGRAM", `${doing}: the running program was built without ${missing}`, {
      hint: "load a program that has it, as a restart does",
    });
  }
}

/** Throws NeedsProgramError unless a service with these destinations in its list fits. */
export function assertFits(
  doing: string,
  shape: BalancerShape,
  definition: ServiceDefinition,
  destinations: readonly Destination[],
): void {
  const family = familyOfMatch(definition.match);
  const lacks = (isThere: boolean, what: string): void => {
    if (!isThere) throw new NeedsProgramError(doing, what);
  };
  const needs = (isNeeded: boolean, feature: FeatureName, what: string): void =>
    lacks(!isNeeded || hasFeature(shape, feature), what);
  const { scheduler, match, persistence, onePacket, caps } = definition;
  lacks(shape.families.includes(family), `the family ${family}`);
  lacks(shape.schedulers.includes(scheduler), `the scheduler ${scheduler}`);
  needs(match.kind !== "exact", "wideServices", "services of several addresses or ports");
  needs(persistence !== undefined, "persistence", "persistence");
  needs(onePacket, "onePacket", "one-packet scheduling");
  needs(caps.newPerSecond > 0 || caps.halfOpen > 0, "caps", "caps");
  for (const {
    address,
    forwarding,
    encapsulation = defaultEncapsulation,
    upperThreshold,
    clientAddress,
  } of destinations) {
    needs(clientAddress === "toa", "toa", "the client's address in TCP options");
    lacks(shape.methods.includes(forwarding), `the forwarding method ${forwarding}`);
    if (forwarding === "tun") {
      lacks(shape.encapsulations.includes(encapsulation.kind), `the encapsulation ${encapsulation.kind}`);
      needs(hasChecksum(encapsulation), "tunnelChecksums", "tunnels with checksums");
      needs(familyOf(address) !== family, "mixedFamilies", "tunnels to servers of another family");
    }
    if (forwarding === "fullnat") {
      lacks(shape.families.includes(familyOf(address)), `the family ${familyOf(address)}`);
      needs(familyOf(address) !== family, "translatedFamilies", "full NAT to servers of another family");
    }
    needs(upperThreshold > 0, "thresholds", "thresholds");
  }
  lacks(destinations.length <= shape.maximumMembers, `room for ${destinations.length} destinations of one service`);
}

/** The same for settings. */
export function assertSettingsFit(doing: string, shape: BalancerShape, { dropRate }: LiveSettings): void {
  if (dropRate > 0 && !hasFeature(shape, "dropPackets")) {
    throw new NeedsProgramError(doing, "dropping a share of new connections");
  }
}

/** Throws a DirectorError where these cannot be destinations of one service. */
export function assertDestinations(
  doing: string,
  { match }: ServiceDefinition,
  destinations: readonly Destination[],
): void {
  const family = familyOfMatch(match);
  const known = new Set<string>();
  for (const destination of destinations) {
    const { address, forwarding, upperThreshold, lowerThreshold } = destination;
    const name = endpointOf(destination);
    if (familyOf(address) !== family && !methods[forwarding].mixesFamilies)
      refuse("FAMILY", doing, `the destination ${name} is of another family`);
    if (known.has(name)) refuse("DESTINATION_EXISTS", doing, `the destination ${name} is there twice`);
    if (lowerThreshold > upperThreshold) {
      const values = `the lower threshold ${lowerThreshold} is above the upper one, ${upperThreshold}`;
      refuse("THRESHOLDS", doing, `of ${name} ${values}`);
    }
    known.add(name);
  }
}
