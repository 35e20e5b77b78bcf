// The nouns of the live data plane: services and their destinations as the maps hold them, and what each is known by.

import type { FamilyName, ListedMember } from "@yardmaster/dataplane";
import { addressFold, endpointText, familyOf } from "../address.ts";
import {
  type Destination,
  prefixesOf,
  type Protocol,
  protocols,
  type ServiceMatch,
  type VirtualService,
} from "../model/virtual-service.ts";

/** A virtual service without its destinations, which come and go one by one. */
export type ServiceDefinition = Omit<VirtualService, "servers">;

/** A destination in the maps. */
export interface LiveDestination {
  readonly index: number;
  readonly definition: Destination;
  /** The latest weight above 0, or the one that it was added with. */
  readonly lastWeight: number;
}

/** A service in the maps. */
export interface LiveService {
  readonly index: number;
  readonly family: FamilyName;
  readonly definition: ServiceDefinition;
  /** Those that can be chosen, in list order. */
  readonly members: readonly LiveDestination[];
  /** Those that were removed and are not forgotten: connections may lead there, and they may come back. */
  readonly removed: readonly LiveDestination[];
  /** False: it was removed, and stays for the sake of `removed`. */
  readonly isListed: boolean;
}

/** Identities that were asked for: of a thousand services each change asks for all, some ten times. */
const identities = new WeakMap<ServiceMatch, { readonly name: string; readonly identity: string }>();

/** What a service is known by: if it is removed and added again, it finds what is left of its destinations. */
export function identityOf({ name, match }: Pick<ServiceDefinition, "name" | "match">): string {
  const known = identities.get(match);
  if (known?.name === name) return known.identity;
  const identity = identityText(name, match);
  identities.set(match, { name, identity });
  return identity;
}

function identityText(name: string, match: ServiceMatch): string {
  switch (match.kind) {
    case "exact":
      return `${match.protocol} ${endpointText(match.address, match.port)}`;
    case "wide":
      return `${match.protocol} "${name}"`;
    case "mark":
      return `mark ${match.mark} (${familyOfMatch(match)})`;
  }
}

/** What a destination is known by within its service. */
export function endpointOf({ address, port }: Pick<Destination, "address" | "port">): string {
  return endpointText(address, port);
}

/** The family of a service's addresses. */
export function familyOfMatch(match: ServiceMatch): FamilyName {
  return familyOf(prefixesOf(match)[0] ?? "");
}

/** IP protocol numbers of the protocols people write. */
export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };

/** The protocols that a service's packets may have. */
export function protocolsOf(match: ServiceMatch): readonly Protocol[] {
  return match.kind === "mark" ? protocols : [match.protocol];
}

/** A destination as schedulers see it. */
export function listedMember({ index, definition, lastWeight }: LiveDestination): ListedMember {
  const { address, port, weight } = definition;
  return { destination: index, weight, lastWeight, addressFold: addressFold(address), port };
}
