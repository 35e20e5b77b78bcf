// Who answers from a server's address, and whom a reply rule can stand for (docs/decisions/0009): where one service
// alone uses a port, the port says whose a reply is; where several do, each connection has an entry for its replies.
// Pure; the claims of one address are looked at together.

import { methods } from "@yardmaster/dataplane";
import { addressWords } from "@yardmaster/packet";
import type { Protocol, ServiceMatch } from "../model/virtual-service.ts";
import { type LiveDestination, protocolsOf, type ServiceDefinition } from "./service.ts";

/** A destination that answers, or whose old connections do. */
export interface ReplyClaim {
  /** Index of the destination. */
  readonly destination: number;
  /** 0: any. */
  readonly port: number;
  readonly protocols: readonly Protocol[];
  /** Words of the service's address, and its port; undefined of services with more than one of them. */
  readonly service: { readonly address: readonly number[]; readonly port: number } | undefined;
  /** Its replies pass the director. False: only those of connections from before a change of its method. */
  readonly isCurrent: boolean;
  /** Its new connections have no entry for replies. */
  readonly hasRule: boolean;
  /** Some of its connections may have none. */
  readonly isRelied: boolean;
}

/** What of a claim follows from the destination alone. */
export type NewClaim = Omit<ReplyClaim, "hasRule" | "isRelied">;

/** A rule: replies from a port, and what they are changed to come from. */
export interface ReplyRule {
  readonly port: number;
  readonly protocol: Protocol;
  readonly service: NonNullable<ReplyClaim["service"]>;
}

/** What a walk over the connections says of destinations: whether they may have some … */
export interface SeenReplies {
  /** … without an entry for replies. */
  readonly relies: (destination: number) => boolean;
  /** … of a method with replies. */
  readonly isAnswered: (destination: number) => boolean;
}

/** What a destination of a service claims of its address. */
export function claimOf(
  { match, onePacket }: ServiceDefinition,
  { index, definition }: Pick<LiveDestination, "index" | "definition">,
): NewClaim {
  const { service, protocols } = partsOf(match);
  // Where every packet is scheduled there are no connections that replies could belong to.
  // To local addresses servers answer in flows of their own.
  const { hasReplies, hasLocalAddress } = methods[definition.forwarding];
  const isCurrent = hasReplies && !hasLocalAddress && !onePacket;
  return { destination: index, port: definition.port, protocols, service, isCurrent };
}

/** What all destinations of a service claim alike: one value for all of them. */
const parts = new WeakMap<ServiceMatch, Pick<NewClaim, "service" | "protocols">>();

function partsOf(match: ServiceMatch): Pick<NewClaim, "service" | "protocols"> {
  const known = parts.get(match);
  if (known !== undefined) return known;
  const service = match.kind === "exact" ? { address: addressWords(match.address), port: match.port } : undefined;
  const made = { service, protocols: protocolsOf(match) };
  parts.set(match, made);
  return made;
}

/** The claims of an address with one more, or changed. A destination whose method changed is waited for. */
export function withClaim(claims: readonly ReplyClaim[], claim: NewClaim): readonly ReplyClaim[] {
  const known = claims.find(({ destination }) => destination === claim.destination);
  if (known === undefined && !claim.isCurrent) return claims;
  const changed = { ...claim, hasRule: false, isRelied: known?.isRelied === true };
  const all = known === undefined ? [...claims, changed] : claims.map((one) => (one === known ? changed : one));
  return decide(all, known === undefined ? [claim.port] : [claim.port, known.port]);
}

/** The claims of an address that has these and had none before. */
export function claimsOf(claims: readonly NewClaim[]): readonly ReplyClaim[] {
  const current = claims.filter(({ isCurrent }) => isCurrent);
  return decide(current.map((claim) => ({ ...claim, hasRule: false, isRelied: false })));
}

/** The claims of an address once a destination is forgotten. */
export function withoutClaim(claims: readonly ReplyClaim[], forgotten: number): readonly ReplyClaim[] {
  const gone = claims.find(({ destination }) => destination === forgotten);
  return gone === undefined
    ? claims
    : decide(
        claims.filter((one) => one !== gone),
        [gone.port],
      );
}

/** The claims after a walk over the connections: what was only kept for old ones goes when they have gone. */
export function afterWalk(claims: readonly ReplyClaim[], { relies, isAnswered }: SeenReplies): readonly ReplyClaim[] {
  const kept = claims.filter(({ isCurrent, destination }) => isCurrent || isAnswered(destination));
  return decide(
    kept.map((claim) => {
      const isRelied = claim.hasRule || (claim.isRelied && relies(claim.destination));
      return isRelied === claim.isRelied ? claim : { ...claim, isRelied };
    }),
  );
}

/** Whether anything would change if there were no connections. */
export function isWaiting({ isCurrent, hasRule, isRelied }: ReplyClaim): boolean {
  return !isCurrent || (isRelied && !hasRule);
}

/** The rules that these claims stand on. */
export function rulesOf(claims: readonly ReplyClaim[]): readonly ReplyRule[] {
  return claims.flatMap(({ isRelied, service, port, protocols }) =>
    isRelied && service !== undefined ? protocols.map((protocol) => ({ port, protocol, service })) : [],
  );
}

/**
 * Who has a rule now. `ports`: those that claims have changed at; default: any. Others' claims stay the same objects.
 */
function decide(claims: readonly ReplyClaim[], ports?: readonly number[]): readonly ReplyClaim[] {
  const [only] = claims;
  if (only === undefined) return claims;
  if (claims.length === 1) return [decided(only, "alone")];
  const byPort = Map.groupBy(claims, ({ port }) => port);
  const ofAll = byPort.get(0) ?? [];
  const affected = ports === undefined || ports.includes(0) ? undefined : new Set(ports);
  return claims.map((claim) => {
    if (affected?.has(claim.port) === false) return claim;
    const rivals = claim.port === 0 ? claims : [...(byPort.get(claim.port) ?? []), ...ofAll];
    return decided(claim, rivals.some((other) => other !== claim && meet(claim, other)) ? "rivalled" : "alone");
  });
}

/** A claim, when it is known whether others may be meant by its port. The same object where nothing changes. */
function decided(claim: ReplyClaim, place: "alone" | "rivalled"): ReplyClaim {
  const hasRule = claim.isCurrent && claim.service !== undefined && claim.port !== 0 && place === "alone";
  const isRelied = claim.isRelied || hasRule;
  const isSame = hasRule === claim.hasRule && isRelied === claim.isRelied;
  return isSame ? claim : { ...claim, hasRule, isRelied };
}

/** Whether a reply from `claim`'s port may as well be the other's. */
function meet(claim: ReplyClaim, other: ReplyClaim): boolean {
  const samePort = other.port === claim.port || other.port === 0;
  return samePort && other.protocols.some((protocol) => claim.protocols.includes(protocol));
}
