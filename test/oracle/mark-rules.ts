// Firewall marks: netfilter rules such as "ip daddr 10.4.0.0/16 meta mark set 1", read, and asked which mark a packet
// of the client's side gets. Matches of a rule are joined by "and"; of several rules that match the last one counts.
import {
  formatAddress,
  ipProtocols,
  layerOf,
  type ParsedFrame,
  type Prefix,
  parsePrefix,
  prefixContains,
} from "@yardmaster/packet";

/** One condition of a rule: any of the values will do. */
export type MarkMatch =
  | { readonly field: "source" | "destination"; readonly prefixes: readonly Prefix[] }
  | {
      readonly field: "sourcePort" | "destinationPort";
      readonly protocol: Transport;
      readonly ranges: readonly Range[];
    }
  | { readonly field: "protocol"; readonly protocol: Transport };

type Transport = "tcp" | "udp";

/** Ports from the first to the last. */
export type Range = readonly [first: number, last: number];

/** A rule: the packets that fulfil all matches get the mark. */
export interface MarkRule {
  readonly matches: readonly MarkMatch[];
  readonly mark: number;
}

const FORMS =
  '"ip daddr 10.4.0.0/16 meta mark set 1"; there are ip and ip6 saddr and daddr, tcp and udp sport and dport ' +
  "(a port, a range 80-90, a set { 80, 443 }), meta l4proto tcp or udp";

/** Reads a rule in nft's words; throws an error that says which forms are known. */
export function parseMarkRule(text: string): MarkRule {
  const words = text
    .replace(/\s*,\s*/g, ",")
    .replace(/\{\s*(\S+)\s*\}/g, "$1")
    .trim()
    .split(/\s+/);
  const set = words.splice(-4);
  const mark = /^(0x[0-9a-f]+|\d+)$/i.test(set[3] ?? "") ? Number(set[3]) : 0;
  if (set.slice(0, 3).join(" ") !== "meta mark set" || mark === 0 || words.length % 3 !== 0) throw unknownForm(text);
  const matches: MarkMatch[] = [];
  for (let at = 0; at < words.length; at += 3) {
    const [header = "", field = "", value = ""] = words.slice(at, at + 3);
    const match = parseMatch(header, field, value);
    if (match === undefined) throw unknownForm(text);
    matches.push(match);
  }
  return { matches, mark };
}

function unknownForm(text: string): Error {
  return new Error(`reading the mark rule "${text}": this form is not known; known is ${FORMS}`);
}

function parseMatch(header: string, field: string, value: string): MarkMatch | undefined {
  switch (`${header} ${field}`) {
    case "ip saddr":
    case "ip6 saddr":
      return { field: "source", prefixes: prefixesOf(header, value) };
    case "ip daddr":
    case "ip6 daddr":
      return { field: "destination", prefixes: prefixesOf(header, value) };
    case "tcp sport":
    case "udp sport":
      return { field: "sourcePort", protocol: header as Transport, ranges: rangesOf(value) };
    case "tcp dport":
    case "udp dport":
      return { field: "destinationPort", protocol: header as Transport, ranges: rangesOf(value) };
    case "meta l4proto":
    case "ip protocol":
    case "ip6 nexthdr":
      return value === "tcp" || value === "udp" ? { field: "protocol", protocol: value } : undefined;
    default:
      return undefined;
  }
}

function prefixesOf(header: string, value: string): readonly Prefix[] {
  return value.split(",").map((text) => {
    const prefix = parsePrefix(text);
    if ((prefix.address.length === 4) === (header === "ip")) return prefix;
    throw new Error(`reading a mark rule: ${formatAddress(prefix.address)} is no address for "${header}"`);
  });
}

function rangesOf(value: string): readonly Range[] {
  return value.split(",").map((text) => {
    const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
    if (first !== "" && Number(first) <= Number(last) && Number(last) <= 65535) return [Number(first), Number(last)];
    throw new Error(`reading a mark rule: "${text}" is neither a port nor a range of ports`);
  });
}

/** The mark that the rules give to a packet; 0 for none. */
export function markOf(rules: readonly MarkRule[], packet: ParsedFrame): number {
  return rules.findLast(({ matches }) => matches.every((match) => fulfils(packet, match)))?.mark ?? 0;
}

function fulfils(packet: ParsedFrame, match: MarkMatch): boolean {
  const ip = layerOf(packet, "ipv4") ?? layerOf(packet, "ipv6");
  if (ip === undefined) return false;
  switch (match.field) {
    case "source":
    case "destination":
      return match.prefixes.some((prefix) => prefixContains(prefix, ip[match.field]));
    case "protocol":
      return ip.protocol === ipProtocols[match.protocol];
    case "sourcePort":
    case "destinationPort": {
      // An error that quotes ports has none of its own.
      const port =
        ip.protocol === ipProtocols[match.protocol] ? layerOf(packet, match.protocol)?.[match.field] : undefined;
      return port !== undefined && match.ranges.some(([first, last]) => first <= port && port <= last);
    }
  }
}
