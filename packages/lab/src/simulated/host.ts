// A host of the simulated network: interfaces with real MAC addresses, static neighbours, routing with TTL. What
// is for the host itself goes to its transports; a program in front of the stack (XDP) decides on every frame first.
import type { Layer } from "@yardmaster/packet";
import {
  ethernet,
  etherTypes,
  formatAddress,
  frame,
  internetChecksum,
  ipv4,
  ipv6,
  parseIpv4,
  parseIpv6,
  parseMac,
  parsePacket,
  updateChecksum,
} from "@yardmaster/packet";

import { familyOf } from "../addresses.ts";
import type { HostPlan } from "../layout.ts";
import { macKey } from "./mac-key.ts";
import { Port } from "./port.ts";
import { RouteTable } from "./route-table.ts";

const ETHERNET_LENGTH = 14;
/** Where fields of IP headers are in a frame: RFC 791 and RFC 8200 §3. */
const IPV4 = { ttl: ETHERNET_LENGTH + 8, checksum: ETHERNET_LENGTH + 10, destination: ETHERNET_LENGTH + 16, length: 4 };
const IPV6 = { hopLimit: ETHERNET_LENGTH + 7, destination: ETHERNET_LENGTH + 24, length: 16 };
/** `lo` has index 1 on every Linux host (net/core/net_namespace.c); the others follow. */
const FIRST_INDEX = 2;
const MTU = 1500;

/** An interface of a host. */
export interface Interface {
  readonly name: string;
  readonly index: number;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly port: Port;
  /** MAC addresses by IP address, in its canonical text: nobody needs to ask for them. */
  readonly neighbours: Map<string, Uint8Array>;
}

/** Where a packet for an address goes, or why it goes nowhere. */
export type NextStep =
  | { readonly kind: "link"; readonly out: Interface; readonly mac: Uint8Array }
  | { readonly kind: "local" | "noRoute" | "noNeighbour" };

/** What a program in front of the stack did with a frame; "pass" hands it, changed or not, to the stack. */
export type Verdict =
  | { readonly kind: "drop" }
  | { readonly kind: "pass"; readonly frame: Uint8Array }
  | { readonly kind: "send"; readonly frame: Uint8Array; readonly interfaceIndex: number };

/** Sees every frame before the host does. */
export type FrameProgram = (frame: Uint8Array, ingress: Interface) => Verdict;

/** A TCP segment or UDP datagram for the host itself, with the addresses around it. */
export interface LocalPacket {
  readonly source: string;
  readonly destination: string;
  /** Header and contents. */
  readonly segment: Uint8Array;
}

/** A host of the simulated network. */
export class Host {
  readonly plan: HostPlan;
  readonly interfaces: readonly Interface[];
  readonly routes: RouteTable;
  readonly forwards: boolean;
  program: FrameProgram | undefined;
  /** Receivers of local packets by IP protocol number. */
  readonly transports = new Map<number, (packet: LocalPacket) => void>();
  /** Addresses whose tunnels this host unwraps, and whose word it takes for who a client is. */
  readonly trustedDirectors = new Set<string>();
  readonly #local: Set<string>;

  /** A host of the layout, with its interfaces' names and MAC addresses. */
  constructor(plan: HostPlan, interfaces: readonly { readonly name: string; readonly mac: string }[]) {
    this.plan = plan;
    this.routes = new RouteTable(plan);
    this.forwards = plan.settings["ipv4/ip_forward"] === "1";
    this.#local = new Set(plan.addresses.map(({ address }) => address.replace(/\/.*/, "")));
    this.interfaces = interfaces.map(({ name, mac: macText }, at): Interface => {
      const index = at + FIRST_INDEX;
      const mac = parseMac(macText);
      const port = new Port((bytes) => this.#arrive(bytes, self));
      const self: Interface = { name, index, mac, mtu: MTU, port, neighbours: new Map() };
      return self;
    });
  }

  /** Takes packets for an address that nobody is told of, as `lo` does. */
  addSilentAddress(address: string): void {
    this.#local.add(address);
  }

  /** Where this host sends packets for an address, in its canonical text. */
  nextStep(address: string): NextStep {
    if (this.#local.has(address)) return { kind: "local" };
    const way = this.routes.find(address);
    const out = this.interfaces.find(({ name }) => name === way?.interfaceName);
    if (way === undefined || out === undefined) return { kind: "noRoute" };
    const mac = out.neighbours.get(way.nextHop);
    return mac === undefined ? { kind: "noNeighbour" } : { kind: "link", out, mac };
  }

  /** This host's own address on the way to another; undefined where no way leads there. */
  sourceTowards(address: string): string | undefined {
    const way = this.routes.find(address);
    const own = this.plan.addresses.filter(({ interfaceName }) => interfaceName === way?.interfaceName);
    const texts = own.map((each) => each.address.replace(/\/.*/, ""));
    return texts.find((text) => familyOf(text) === familyOf(address));
  }

  /** Sends a packet of this host's own. Without a way it is lost, as on a real host without a route. */
  send(addresses: { readonly source: string; readonly destination: string }, ...inside: (Layer | Uint8Array)[]): void {
    const step = this.nextStep(addresses.destination);
    if (step.kind !== "link") return;
    const header = ethernet({ destination: step.mac, source: step.out.mac });
    const isIpv4 = familyOf(addresses.destination) === "ipv4";
    const ip = isIpv4 ? ipv4({ ...addresses, dontFragment: true }) : ipv6(addresses);
    step.out.port.send(frame(header, ip, ...inside));
  }

  #arrive(bytes: Uint8Array, ingress: Interface): void {
    const verdict = this.program?.(bytes, ingress) ?? { kind: "pass", frame: bytes };
    if (verdict.kind === "pass") this.#receive(verdict.frame, ingress);
    if (verdict.kind !== "send") return;
    const out = this.interfaces.find(({ index }) => index === verdict.interfaceIndex);
    out?.port.send(verdict.frame);
  }

  /** The stack: delivers, forwards, or ignores. */
  #receive(bytes: Uint8Array, ingress: Interface): void {
    const at = { [etherTypes.ipv4]: IPV4, [etherTypes.ipv6]: IPV6 }[etherType(bytes)];
    const isOurs = macKey(bytes) === macKey(ingress.mac);
    if (!isOurs || at === undefined || bytes.length < at.destination + at.length) return;
    const step = this.nextStep(formatAddress(bytes.subarray(at.destination, at.destination + at.length)));
    if (step.kind === "local") this.#deliver(bytes.subarray(ETHERNET_LENGTH));
    else if (step.kind === "link" && this.forwards) forward(bytes, step);
  }

  /** A packet for this host, from its IP header on. */
  #deliver(bytes: Uint8Array): void {
    const isIpv4 = (bytes[0] ?? 0) >>> 4 === 4;
    const ip = isIpv4 ? parseIpv4(bytes) : parseIpv6(bytes);
    if (ip.layer === "ipv4" && internetChecksum(bytes.subarray(0, ip.headerLength)) !== 0) return;
    const { source, destination, protocol, headerLength } = ip;
    const inner = this.trustedDirectors.has(source) ? unwrapped(bytes) : undefined;
    if (inner !== undefined) {
      // As behind a real server's unwrapper: what is not for this host goes nowhere.
      if (this.#local.has(inner.destination)) this.#deliver(inner.bytes);
      return;
    }
    const end = ip.layer === "ipv4" ? ip.totalLength : 40 + ip.payloadLength;
    this.transports.get(protocol)?.({ source, destination, segment: bytes.subarray(headerLength, end) });
  }
}

/** The packet inside a packet, whatever is around it; undefined where there is none. */
function unwrapped(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly destination: string } | undefined {
  const { layers, ownLayers } = parsePacket(bytes);
  const [, inner] = layers.slice(0, ownLayers).filter(({ layer }) => layer === "ipv4" || layer === "ipv6");
  if (inner?.layer !== "ipv4" && inner?.layer !== "ipv6") return undefined;
  return { bytes: bytes.subarray(inner.offset), destination: inner.destination };
}

function etherType(bytes: Uint8Array): number {
  return ((bytes[12] ?? 0) << 8) | (bytes[13] ?? 0);
}

/** A router's work: one hop less to live, IPv4's checksum to match (RFC 1624), the next link's addresses. */
function forward(bytes: Uint8Array, { out, mac }: NextStep & { readonly kind: "link" }): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isIpv4 = etherType(bytes) === etherTypes.ipv4;
  const livesAt = isIpv4 ? IPV4.ttl : IPV6.hopLimit;
  const lives = view.getUint8(livesAt);
  if (lives <= 1) return;
  // The checksum counts words: time to live and protocol are one.
  const before = bytes.slice(IPV4.ttl, IPV4.ttl + 2);
  view.setUint8(livesAt, lives - 1);
  if (isIpv4) {
    const after = bytes.subarray(IPV4.ttl, IPV4.ttl + 2);
    view.setUint16(IPV4.checksum, updateChecksum(view.getUint16(IPV4.checksum), before, after));
  }
  bytes.set(mac, 0);
  bytes.set(out.mac, 6);
  out.port.send(bytes);
}
