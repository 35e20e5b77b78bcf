// How services of more than one address or port are found: ports that the same services have are of one class, and
// each class has the prefixes of its services, longest match. What a mark covers comes first; then the longer prefix,
// then the smaller set of ports. Pure.

import { type FamilyName, UDP_PORTS } from "@yardmaster/dataplane";
import { parsePrefix } from "@yardmaster/packet";
import { addressWords } from "../address.ts";
import type { PortRange, Ports } from "../model/ports.ts";
import { type Protocol, protocols, type ServiceMatch } from "../model/virtual-service.ts";

/** Slots of the map of port classes: TCP's ports, then UDP's. */
export const PORT_SLOTS = 2 * UDP_PORTS;
const ALL_PORTS: readonly PortRange[] = [{ first: 0, last: UDP_PORTS - 1 }];
const WORD_BITS = 32n;

/** A service by its index. */
export interface IndexedMatch {
  readonly index: number;
  readonly match: ServiceMatch;
}

/** Where a prefix leads, within a class of ports. */
export interface PrefixEntry {
  readonly family: FamilyName;
  readonly address: readonly number[];
  /** Bits of the address that count. */
  readonly length: number;
  readonly service: number;
}

/** What wide services are found by. */
export interface WideIndex {
  /** Content of each class; equal ones are one. */
  readonly classes: readonly (readonly PrefixEntry[])[];
  /** By slot: one more than the place of the port's class in `classes`; 0: none. */
  readonly slots: Uint32Array;
}

/** A prefix that a service has for some ports. */
interface Claim {
  readonly service: number;
  readonly isMark: boolean;
  readonly family: FamilyName;
  readonly words: readonly number[];
  readonly address: bigint;
  readonly bits: number;
  readonly length: number;
  readonly ranges: readonly PortRange[];
  readonly width: number;
  readonly protocols: readonly Protocol[];
}

/** The index of these services, those with one address and port left out. */
export function wideIndexOf(services: readonly IndexedMatch[]): WideIndex {
  const claims = services.flatMap(claimsOf);
  const slots = new Uint32Array(PORT_SLOTS);
  const classes: (readonly PrefixEntry[])[] = [];
  const known = new Map<string, number>();
  for (const protocol of protocols) {
    for (const { first, last, claims: holding } of stretches(claims, protocol)) {
      const entries = entriesOf(holding);
      const text = entriesText(entries);
      const number = known.get(text) ?? classes.push(entries);
      known.set(text, number);
      const base = protocol === "udp" ? UDP_PORTS : 0;
      slots.fill(number, base + first, base + last + 1);
    }
  }
  return { classes, slots };
}

/** Whether a mark covers what this service with one address and port would get. */
export function isCovered(marks: readonly IndexedMatch[], match: ServiceMatch & { readonly kind: "exact" }): boolean {
  const { address, length, bits } = prefixOf(match.address);
  return marks.flatMap(claimsOf).some((claim) => {
    const hasPort = claim.ranges.some(({ first, last }) => first <= match.port && match.port <= last);
    const isUnder =
      claim.bits === bits && claim.length <= length && leading(address, claim) === leading(claim.address, claim);
    return claim.isMark && hasPort && isUnder && claim.protocols.includes(match.protocol);
  });
}

/** The same content gives the same text. */
export function entriesText(entries: readonly PrefixEntry[]): string {
  return entries.map(({ address, length, service }) => `${address.join(".")}/${length}>${service}`).join(" ");
}

function claimsOf({ index: service, match }: IndexedMatch): readonly Claim[] {
  if (match.kind === "exact") return [];
  const rules =
    match.kind === "mark"
      ? match.rules
      : match.prefixes.map((prefix) => ({ prefix, ports: match.ports, protocols: [match.protocol] }));
  return rules.map(({ prefix, ports, protocols: of }) => {
    const ranges = rangesOf(ports);
    const width = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    return { service, isMark: match.kind === "mark", ...prefixOf(prefix), ranges, width, protocols: of };
  });
}

function rangesOf(ports: Ports): readonly PortRange[] {
  return ports === "any" ? ALL_PORTS : ports;
}

function prefixOf(text: string): Pick<Claim, "family" | "words" | "address" | "bits" | "length"> {
  const { length } = parsePrefix(text);
  const words = addressWords(text.replace(/\/.*/, ""));
  const address = words.reduce((sum, word) => (sum << WORD_BITS) | BigInt(word), 0n);
  const bits = words.length * Number(WORD_BITS);
  return { family: words.length === 1 ? "ipv4" : "ipv6", words, address, bits, length };
}

/** The bits of an address that a prefix looks at. */
function leading(address: bigint, { bits, length }: Pick<Claim, "bits" | "length">): bigint {
  return address >> BigInt(bits - length);
}

interface Stretch extends PortRange {
  readonly claims: readonly Claim[];
}

/** Ports in a row that the same claims have, those without any left out. */
function stretches(all: readonly Claim[], protocol: Protocol): readonly Stretch[] {
  const edges = new Map<number, { readonly begin: Claim[]; readonly end: Claim[] }>();
  const edge = (port: number) => {
    const known = edges.get(port) ?? { begin: [], end: [] };
    edges.set(port, known);
    return known;
  };
  for (const claim of all.filter((one) => one.protocols.includes(protocol))) {
    for (const { first, last } of claim.ranges) {
      edge(first).begin.push(claim);
      edge(last + 1).end.push(claim);
    }
  }
  const holding = new Set<Claim>();
  const found: Stretch[] = [];
  let first = 0;
  for (const [port, { begin, end }] of [...edges].toSorted(([a], [b]) => a - b)) {
    if (holding.size > 0) found.push({ first, last: port - 1, claims: [...holding] });
    for (const claim of end) holding.delete(claim);
    for (const claim of begin) holding.add(claim);
    first = port;
  }
  return found;
}

/** Where each prefix of these claims leads: to the best of those that cover it. */
function entriesOf(claims: readonly Claim[]): readonly PrefixEntry[] {
  const byPrefix = new Map<string, Claim>();
  const text = (address: bigint, { bits, length }: Pick<Claim, "bits" | "length">) =>
    `${bits} ${length} ${leading(address, { bits, length })}`;
  for (const claim of claims.toSorted(byRank).toReversed()) byPrefix.set(text(claim.address, claim), claim);
  const lengths = [...new Set(claims.map(({ length }) => length))];
  return [...byPrefix.values()].toSorted(byPlace).map(({ family, words, address, bits, length }) => {
    const covering = lengths
      .filter((shorter) => shorter <= length)
      .flatMap((shorter) => byPrefix.get(text(address, { bits, length: shorter })) ?? []);
    const { service } = covering.toSorted(byRank)[0] as Claim;
    return { family, address: words, length, service };
  });
}

/** The one that gets the packets first. */
function byRank(a: Claim, b: Claim): number {
  return Number(b.isMark) - Number(a.isMark) || b.length - a.length || a.width - b.width || a.service - b.service;
}

function byPlace(a: Claim, b: Claim): number {
  if (a.bits !== b.bits) return a.bits - b.bits;
  return a.length - b.length || (a.address < b.address ? -1 : 1);
}
