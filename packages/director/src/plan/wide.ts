// How wide services are found: ports that the same services have are of one class, and a class has the prefixes of its
// services. Where two have one prefix, the one that names the port comes before the one that takes any.
import { families, type FamilyName, UDP_PORTS } from "@yardmaster/dataplane";
import { parsePrefix } from "@yardmaster/packet";
import { addressWords, familyOf } from "../address.ts";
import type { PortRange, Ports } from "../model/ports.ts";
import { type Protocol, protocols, type VirtualService } from "../model/virtual-service.ts";

/** Ports of one class; a class has a number from 1. */
export interface PlannedPorts extends PortRange {
  readonly protocol: Protocol;
  readonly portClass: number;
}

/** A prefix of a class. */
export interface PlannedPrefix {
  readonly family: FamilyName;
  readonly portClass: number;
  /** Words of the address, in host order. */
  readonly address: readonly number[];
  /** Bits of the address that count. */
  readonly length: number;
  /** Index of the service. */
  readonly service: number;
}

/** All that wide services are found by. */
export interface PlannedWide {
  readonly ports: readonly PlannedPorts[];
  readonly prefixes: readonly PlannedPrefix[];
}

/** Prefixes that one service has for some ports. */
interface Claim {
  readonly service: number;
  readonly prefixes: readonly string[];
  readonly ports: Ports;
}

const ALL_PORTS: readonly PortRange[] = [{ first: 0, last: 65_535 }];

/** Where a port of a protocol stands in the map of port classes. */
export function portSlot(protocol: Protocol, port: number): number {
  return (protocol === "udp" ? UDP_PORTS : 0) + port;
}

/** Plans the services among these that are not known by one address and port; the index of a service is its place. */
export function planWide(services: readonly VirtualService[]): PlannedWide {
  const classes = new Map<string, number>();
  const prefixes: PlannedPrefix[] = [];
  const ports = protocols.flatMap((protocol) =>
    segments(claimsOf(services, protocol)).map(({ first, last, claims }): PlannedPorts => {
      const identity = `${protocol} ${claims.map(({ index }) => index).join(" ")}`;
      const known = classes.get(identity);
      const portClass = known ?? classes.size + 1;
      classes.set(identity, portClass);
      if (known === undefined) prefixes.push(...prefixesOfClass(portClass, claims));
      return { protocol, first, last, portClass };
    }),
  );
  return { ports, prefixes };
}

type IndexedClaim = Claim & { readonly index: number };

function claimsOf(services: readonly VirtualService[], protocol: Protocol): readonly IndexedClaim[] {
  const claims = services.flatMap(({ match }, service): Claim[] => {
    if (match.kind === "exact") return [];
    if (match.kind === "wide") return match.protocol === protocol ? [{ service, ...match }] : [];
    const rules = match.rules.filter((rule) => rule.protocols.includes(protocol));
    return rules.map(({ prefix, ports }) => ({ service, prefixes: [prefix], ports }));
  });
  return claims.map((claim, index) => ({ ...claim, index }));
}

/** The stretches of ports within which the same claims hold, those without any left out. */
function* segmentsBetween(claims: readonly IndexedClaim[]): Generator<PortRange & { readonly claims: IndexedClaim[] }> {
  const edges = new Map<number, { readonly begin: IndexedClaim[]; readonly end: IndexedClaim[] }>();
  const edge = (port: number) => {
    const known = edges.get(port) ?? { begin: [], end: [] };
    edges.set(port, known);
    return known;
  };
  for (const claim of claims) {
    for (const { first, last } of claim.ports === "any" ? ALL_PORTS : claim.ports) {
      edge(first).begin.push(claim);
      edge(last + 1).end.push(claim);
    }
  }
  const holding = new Set<IndexedClaim>();
  let first = 0;
  for (const [port, { begin, end }] of [...edges].toSorted(([a], [b]) => a - b)) {
    if (holding.size > 0) yield { first, last: port - 1, claims: [...holding] };
    for (const claim of end) holding.delete(claim);
    for (const claim of begin) holding.add(claim);
    first = port;
  }
}

function segments(
  claims: readonly IndexedClaim[],
): readonly (PortRange & { readonly claims: readonly IndexedClaim[] })[] {
  return [...segmentsBetween(claims)].map((segment) => ({
    ...segment,
    claims: segment.claims.toSorted((a, b) => a.index - b.index),
  }));
}

function prefixesOfClass(portClass: number, claims: readonly Claim[]): readonly PlannedPrefix[] {
  const byPrefix = new Map<string, PlannedPrefix>();
  // Whoever comes last stays: those that name their ports.
  const inOrder = claims.toSorted((a, b) => Number(a.ports !== "any") - Number(b.ports !== "any"));
  for (const { service, prefixes } of inOrder) {
    for (const prefix of prefixes) {
      const { length } = parsePrefix(prefix);
      const [base = ""] = prefix.split("/");
      byPrefix.set(prefix, { family: familyOf(base), portClass, address: addressWords(base), length, service });
    }
  }
  return [...byPrefix.values()];
}

/** The key of a prefix in the map of its family: the class counts whole. */
export function prefixKey({ family, portClass, address, length }: PlannedPrefix) {
  const before = families[family].Prefix.fields.portClass.size * 8;
  return { prefixLength: before + length, data: { portClass, address: [...address] } };
}
