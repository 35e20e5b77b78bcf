// What the lab tells of a frame: who sends it to whom, on the cable, around the packet and in it; and what a host
// changed between two cables. Pure.
import type { Header } from "@yardmaster/packet";
import { formatAddress, parseFrame } from "@yardmaster/packet";

import { endpointText } from "../addresses.ts";

/** An address and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A header around the packet that a tunnel added. */
export interface OuterHeader {
  readonly wrapper: "ipip" | "gue" | "gre";
  readonly source: string;
  readonly destination: string;
  readonly hopsToLive: number;
  /** UDP source port of GUE: it spreads connections over a receiver's queues. */
  readonly sourcePort?: number;
}

/** One frame with a TCP segment or UDP datagram in it. */
export interface WireView {
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly outer?: OuterHeader;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** TTL, in IPv6 hop limit. */
  readonly hopsToLive: number;
  readonly protocol: "tcp" | "udp";
  /** TCP's, as letters: `SA`. */
  readonly flags: string;
  /** The client's address and port in a TCP option, as full NAT adds it. */
  readonly clientOption?: Endpoint;
}

/** A frame that was read. */
export interface ReadFrame {
  readonly view: WireView;
  /** What stays the same however addresses change: numbers, flags and contents. */
  readonly identity: string;
  readonly contents: Uint8Array;
}

/** Kinds of changes between two cables. */
export type ChangeKind = "MAC addresses" | "TTL" | "source" | "destination" | "outer header" | "client's address";

/** What a host changed. */
export interface Change {
  readonly kind: ChangeKind;
  readonly verb: "changed" | "added" | "removed";
  /** From what to what: `198.51.100.10:80 → 10.0.0.11:8080`; what was added or removed. */
  readonly text: string;
}

/** TCP option of the client's address: kind 254, port and address behind it, big endian (DPVS, toa.h). */
const CLIENT_OPTION = 254;

type Ip = Extract<Header, { readonly layer: "ipv4" | "ipv6" }>;
type Transport = Extract<Header, { readonly layer: "tcp" | "udp" }>;

const isIp = (header: Header): header is Ip => header.layer === "ipv4" || header.layer === "ipv6";
const isTransport = (header: Header): header is Transport => header.layer === "tcp" || header.layer === "udp";
const hopsOf = (header: Ip): number => (header.layer === "ipv4" ? header.ttl : header.hopLimit);

/** Reads a frame; undefined where it carries neither a whole TCP nor a whole UDP header, as ARP and errors do. */
export function readFrame(frame: Uint8Array): ReadFrame | undefined {
  const parsed = parseFrame(frame);
  const own = parsed.layers.slice(0, parsed.ownLayers);
  const [ethernet] = own;
  const transport = own.at(-1);
  const addresses = own.filter(isIp);
  const inner = addresses.at(-1);
  if (ethernet?.layer !== "ethernet" || inner === undefined || transport === undefined) return undefined;
  if (!isTransport(transport)) return undefined;
  const contents = parsed.remaining;
  const outer = addresses.length > 1 ? outerHeader(own) : undefined;
  const clientOption = clientOptionOf(transport);
  const numbers =
    transport.layer === "tcp" ? `${transport.sequence} ${transport.acknowledgment} ${transport.flags}` : "datagram";
  const view: WireView = {
    sourceMac: ethernet.source,
    destinationMac: ethernet.destination,
    ...(outer === undefined ? {} : { outer }),
    source: { address: inner.source, port: transport.sourcePort },
    destination: { address: inner.destination, port: transport.destinationPort },
    hopsToLive: hopsOf(inner),
    protocol: transport.layer,
    flags: transport.layer === "tcp" ? transport.flags : "",
    ...(clientOption === undefined ? {} : { clientOption }),
  };
  return { view, identity: `${transport.layer} ${numbers} ${Buffer.from(contents).toString("latin1")}`, contents };
}

function outerHeader(own: readonly Header[]): OuterHeader | undefined {
  const outer = own.find(isIp);
  if (outer === undefined) return undefined;
  const around = own.find((header) => header.layer === "gue" || header.layer === "gre");
  const udp = own.find(isTransport);
  const wrapper = around?.layer === "gue" || around?.layer === "gre" ? around.layer : "ipip";
  return {
    wrapper,
    source: outer.source,
    destination: outer.destination,
    hopsToLive: hopsOf(outer),
    ...(wrapper === "gue" && udp !== undefined ? { sourcePort: udp.sourcePort } : {}),
  };
}

/** The client's address and port in a transport's options, if they are there. */
export function clientOptionOf(transport: Transport): Endpoint | undefined {
  if (transport.layer !== "tcp") return undefined;
  const data = transport.options.find(({ kind }) => kind === CLIENT_OPTION)?.data;
  if (data === undefined || (data.length !== 6 && data.length !== 18)) return undefined;
  return { address: formatAddress(data.subarray(2)), port: ((data[0] ?? 0) << 8) | (data[1] ?? 0) };
}

function outerText({ wrapper, source, destination, sourcePort }: OuterHeader): string {
  const port = sourcePort === undefined ? "" : `, UDP port ${sourcePort}`;
  return `${wrapper} ${source} → ${destination}${port}`;
}

/** What differs between the same packet on two cables. */
export function changesBetween(before: WireView, after: WireView): readonly Change[] {
  const changes: Change[] = [];
  const compare = (kind: ChangeKind, old: string | undefined, fresh: string | undefined): void => {
    if (old === fresh) return;
    if (old === undefined) changes.push({ kind, verb: "added", text: fresh ?? "" });
    else if (fresh === undefined) changes.push({ kind, verb: "removed", text: old });
    else changes.push({ kind, verb: "changed", text: `${old} → ${fresh}` });
  };
  const outerOf = ({ outer }: WireView): string | undefined => outer && outerText(outer);
  const optionOf = ({ clientOption }: WireView): string | undefined => clientOption && endpointText(clientOption);
  compare("outer header", outerOf(before), outerOf(after));
  compare("source", endpointText(before.source), endpointText(after.source));
  compare("destination", endpointText(before.destination), endpointText(after.destination));
  compare("client's address", optionOf(before), optionOf(after));
  const macs = ({ sourceMac, destinationMac }: WireView): string => `${sourceMac} ${destinationMac}`;
  if (macs(before) !== macs(after)) changes.push({ kind: "MAC addresses", verb: "changed", text: "" });
  compare("TTL", String(livesOf(before, after)), String(livesOf(after, before)));
  return changes;
}

/** The TTL that routers count down: the outer one's where both have one. */
function livesOf(view: WireView, other: WireView): number {
  return view.outer !== undefined && other.outer !== undefined ? view.outer.hopsToLive : view.hopsToLive;
}

/** A frame in words, a line for each header that has addresses. */
export function viewLines(view: WireView): readonly string[] {
  const { sourceMac, destinationMac, outer, source, destination, protocol, flags, clientOption } = view;
  const option = clientOption === undefined ? "" : `, option 254: ${endpointText(clientOption)}`;
  return [
    `ethernet  ${sourceMac} → ${destinationMac}`,
    ...(outer === undefined ? [] : [`outer     ${outerText(outer)}, TTL ${outer.hopsToLive}`]),
    `packet    ${endpointText(source)} → ${endpointText(destination)}, ` +
      `${protocol}${flags === "" ? "" : ` ${flags}`}, TTL ${view.hopsToLive}${option}`,
  ];
}
