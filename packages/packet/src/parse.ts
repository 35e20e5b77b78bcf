// Takes a frame apart, layer by layer, as far as it goes. Never throws: what is wrong becomes a problem and
// what could not be read stays in `remaining`. rebuild() is the way back.
import type { Arp } from "./arp.ts";
import { arp, parseArp } from "./arp.ts";
import { frame } from "./build.ts";
import { u8 } from "./bytes.ts";
import { PacketError } from "./errors.ts";
import type { Ethernet } from "./ethernet.ts";
import { ethernet, etherTypes, parseEthernet } from "./ethernet.ts";
import type { Icmp4, Icmp6 } from "./icmp.ts";
import { icmp4, icmp6, parseIcmp4, parseIcmp6, quotesPacket } from "./icmp.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipProtocols, ipv4, parseIpv4 } from "./ipv4.ts";
import type { Ipv6 } from "./ipv6.ts";
import { ipv6, ipv6FragmentOf, parseIpv6 } from "./ipv6.ts";
import type { Layer, LayerName } from "./layer.ts";
import type { Tcp } from "./tcp.ts";
import { parseTcp, tcp } from "./tcp.ts";
import type { Gre, Gue } from "./tunnel.ts";
import { gre, gue, guePort, isGue, parseGre, parseGue } from "./tunnel.ts";
import type { Ports, Udp } from "./udp.ts";
import { parsePorts, parseUdp, ports, udp } from "./udp.ts";

/** Any parsed header; `layer` tells which. */
export type Header = Ethernet | Arp | Ipv4 | Ipv6 | Tcp | Udp | Icmp4 | Icmp6 | Gre | Gue | Ports;

/** The parsed header of that kind. */
export type HeaderOf<Name extends LayerName> = Extract<Header, { readonly layer: Name }>;

/** Something wrong with a frame, at a byte offset from its start. */
export interface PacketProblem {
  readonly layer: LayerName;
  readonly offset: number;
  readonly message: string;
}

/** A frame taken apart: its bytes are the layers, then `remaining`, then `trailer`. */
export interface ParsedFrame {
  readonly bytes: Uint8Array;
  /** From the outermost inwards. */
  readonly layers: readonly Header[];
  /** How many layers belong to the frame itself; those after are what an ICMP error quotes. */
  readonly ownLayers: number;
  /** Contents: what follows the last layer and counts to it by the lengths in the headers. */
  readonly remaining: Uint8Array;
  /** What lies behind the end that the IP and UDP lengths set, as Ethernet's padding does. */
  readonly trailer: Uint8Array;
  readonly problems: readonly PacketProblem[];
}

const parsers: { readonly [Name in LayerName]: (bytes: Uint8Array, offset: number) => HeaderOf<Name> } = {
  ethernet: parseEthernet,
  arp: parseArp,
  ipv4: parseIpv4,
  ipv6: parseIpv6,
  tcp: parseTcp,
  udp: parseUdp,
  icmp4: parseIcmp4,
  icmp6: parseIcmp6,
  gre: parseGre,
  gue: parseGue,
  ports: parsePorts,
};

const byEtherType = new Map<number, LayerName>([
  [etherTypes.ipv4, "ipv4"],
  [etherTypes.ipv6, "ipv6"],
  [etherTypes.arp, "arp"],
]);

const byProtocol = new Map<number, LayerName>([
  [ipProtocols.icmp4, "icmp4"],
  [ipProtocols.ipv4, "ipv4"],
  [ipProtocols.tcp, "tcp"],
  [ipProtocols.udp, "udp"],
  [ipProtocols.ipv6, "ipv6"],
  [ipProtocols.gre, "gre"],
  [ipProtocols.icmp6, "icmp6"],
]);

/** What follows a header, or undefined when the rest is contents. */
function layerAfter(header: Header, bytes: Uint8Array): LayerName | undefined {
  const next = header.offset + header.headerLength;
  switch (header.layer) {
    case "ethernet":
      return byEtherType.get(header.type);
    case "ipv4":
      return header.fragmentOffset === 0 ? byProtocol.get(header.protocol) : undefined;
    case "ipv6":
      return (ipv6FragmentOf(header)?.fragmentOffset ?? 0) === 0 ? byProtocol.get(header.protocol) : undefined;
    case "icmp4":
      return quotesPacket(header) ? "ipv4" : undefined;
    case "icmp6":
      return quotesPacket(header) ? "ipv6" : undefined;
    case "gre":
      return byEtherType.get(header.protocol);
    case "udp":
      return header.destinationPort === guePort && isGue(bytes, next) ? "gue" : undefined;
    case "gue":
      return header.control ? undefined : byProtocol.get(header.protocol);
    case "arp":
    case "tcp":
    case "ports":
      return undefined;
  }
}

/** Where the header says that what belongs to it ends, or undefined when it has no length field. */
export function statedEnd(header: Header): number | undefined {
  if (header.layer === "ipv4") return header.offset + header.totalLength;
  if (header.layer === "ipv6") return header.offset + 40 + header.payloadLength;
  if (header.layer === "udp") return header.offset + header.length;
  return undefined;
}

/** The walk through one frame: what was read so far and where the readable part ends. */
interface Walk {
  readonly bytes: Uint8Array;
  readonly layers: Header[];
  readonly problems: PacketProblem[];
  end: number;
  quotedAt: number | undefined;
}

/** Applies the header's length: cuts the readable part, or notes that it cannot be true. */
function applyLength(walk: Walk, header: Header): void {
  const end = statedEnd(header);
  if (end === undefined) return;
  const least = header.offset + header.headerLength;
  const fault = (message: string) =>
    walk.problems.push({
      layer: header.layer,
      offset: header.offset,
      message: `${header.layer}: ${message}`,
    });
  const stated = end - header.offset;
  if (end < least) {
    fault(`length ${stated} is less than its header's ${header.headerLength}`);
  } else if (end <= walk.end) {
    walk.end = end;
  } else if (walk.quotedAt === undefined && !isFragment(walk.layers.slice(0, -1))) {
    // What a fragment holds may well be longer than the fragment; the fragment itself may not.
    fault(`truncated: length ${stated}, ${walk.end - header.offset} bytes there`);
  }
}

/** Whether any of the headers is an IP header of a fragment, first ones included. */
export function isFragment(layers: readonly Header[]): boolean {
  return layers.some((header) => {
    if (header.layer === "ipv4") return header.moreFragments || header.fragmentOffset > 0;
    const fragment = header.layer === "ipv6" ? ipv6FragmentOf(header) : undefined;
    return fragment !== undefined && (fragment.moreFragments || fragment.fragmentOffset > 0);
  });
}

/** Reads one header; of a transport that a quote cuts off, the ports. Undefined (and a problem) when it cannot be. */
function readHeader(walk: Walk, name: LayerName, offset: number): Header | undefined {
  const readable = walk.bytes.subarray(0, walk.end);
  try {
    return parsers[name](readable, offset);
  } catch (error) {
    if (!(error instanceof PacketError)) throw error;
    const isCutQuote = walk.quotedAt !== undefined && error.code === "YM_PACKET_TRUNCATED";
    if (isCutQuote && (name === "tcp" || name === "udp") && walk.end - offset >= 4) {
      return parsePorts(readable, offset);
    }
    if (!isCutQuote) walk.problems.push({ layer: name, offset: error.offset, message: error.message });
    return undefined;
  }
}

function walkFrom(bytes: Uint8Array, start: LayerName): ParsedFrame {
  const walk: Walk = { bytes, layers: [], problems: [], end: bytes.length, quotedAt: undefined };
  let offset = 0;
  let name: LayerName | undefined = start;
  while (name !== undefined) {
    const header: Header | undefined = readHeader(walk, name, offset);
    if (header === undefined) break;
    walk.layers.push(header);
    offset = header.offset + header.headerLength;
    const problems = walk.problems.length;
    applyLength(walk, header);
    if (walk.problems.length > problems && walk.end <= offset) break;
    name = layerAfter(header, bytes.subarray(0, walk.end));
    const isError = (header.layer === "icmp4" || header.layer === "icmp6") && name !== undefined;
    if (isError) walk.quotedAt ??= walk.layers.length;
  }
  const end = Math.max(walk.end, offset);
  return {
    bytes,
    layers: walk.layers,
    ownLayers: walk.quotedAt ?? walk.layers.length,
    remaining: bytes.subarray(offset, end),
    trailer: bytes.subarray(end),
    problems: walk.problems,
  };
}

/** Takes an Ethernet frame apart as far as it goes; never throws. */
export function parseFrame(bytes: Uint8Array): ParsedFrame {
  return walkFrom(bytes, "ethernet");
}

/** Takes an IP packet without Ethernet header apart, its first four bits telling the version; never throws. */
export function parsePacket(bytes: Uint8Array): ParsedFrame {
  return walkFrom(bytes, u8(bytes, 0) >>> 4 === 6 ? "ipv6" : "ipv4");
}

/** All headers of a kind, from the outermost inwards: two of "ipv4" in a tunnel or an ICMP error. */
export function layersOf<Name extends LayerName>(parsed: ParsedFrame, name: Name): readonly HeaderOf<Name>[] {
  return parsed.layers.filter((header): header is HeaderOf<Name> => header.layer === name);
}

/** The outermost header of a kind, or undefined. */
export function layerOf<Name extends LayerName>(parsed: ParsedFrame, name: Name): HeaderOf<Name> | undefined {
  return layersOf(parsed, name)[0];
}

/** A parsed header as a layer to build, with its lengths and checksums as they were; spread it to change fields. */
export function toLayer(header: Header): Layer {
  switch (header.layer) {
    case "ethernet":
      return ethernet(header);
    case "arp":
      return arp(header);
    case "ipv4":
      return ipv4(header);
    case "ipv6":
      return ipv6(header);
    case "tcp":
      return tcp(header);
    case "udp":
      return udp(header);
    case "icmp4":
      return icmp4(header);
    case "icmp6":
      return icmp6(header);
    case "gre":
      return gre(header);
    case "gue":
      return gue(header);
    case "ports":
      return ports(header);
  }
}

/** The bytes of a parsed frame, built anew from its headers: the same bytes that were parsed. */
export function rebuild(parsed: Pick<ParsedFrame, "layers" | "remaining" | "trailer">): Uint8Array {
  return frame(...parsed.layers.map(toLayer), parsed.remaining, parsed.trailer);
}
